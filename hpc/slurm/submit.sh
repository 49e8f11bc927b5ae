#!/usr/bin/env bash
# submit.sh SETTINGS: an array job with one task for each participant, and the group level after it.
#
# Participants are those of participants.tsv, or else the folders sub-*, that have preprocessed data. To go on after
# failures or a time limit, submit again: what is finished is skipped.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ $# -ne 1 ] || [ ! -r "$1" ]; then
    echo "usage: submit.sh SETTINGS (a copy of $here/settings.example.sh)" >&2
    exit 64
fi
BIDSGLM_SETTINGS=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
# shellcheck source=settings.example.sh
. "$BIDSGLM_SETTINGS"

for folder in "$BIDS_DIR" "$DERIVATIVES"; do
    [ -d "$folder" ] || { echo "submit.sh: $folder: there is no such folder; correct $1" >&2; exit 66; }
done
if [ -n "$IMAGE" ] && [ ! -e "$IMAGE" ]; then
    echo "submit.sh: $IMAGE: there is no such image; correct $1" >&2
    exit 66
fi

participants() {
    if [ -r "$BIDS_DIR/participants.tsv" ]; then
        # spreadsheets leave byte order marks and carriage returns
        tr -d '\r' <"$BIDS_DIR/participants.tsv" | LC_ALL=C sed $'1s/^\xef\xbb\xbf//' | awk -F '\t' '
            NR == 1 { for (i = 1; i <= NF; i++) if ($i == "participant_id") column = i; next }
            column && $column != "" && !seen[$column]++ { print $column }'
    else
        find "$BIDS_DIR" -mindepth 1 -maxdepth 1 -type d -name 'sub-*' -exec basename {} \; | sort
    fi
}

mkdir -p "$OUTPUT_DIR/logs/slurm"
BIDSGLM_PARTICIPANTS=$(mktemp "$OUTPUT_DIR/logs/slurm/participants-XXXXXX")
participants | while read -r label; do
    if [ -d "$DERIVATIVES/$label" ]; then
        echo "$label"
    else
        echo "submit.sh: $label has no preprocessed data in $DERIVATIVES and is left out" >&2
    fi
done >"$BIDSGLM_PARTICIPANTS"
count=$(wc -l <"$BIDSGLM_PARTICIPANTS" | tr -d ' ')
if [ "$count" -eq 0 ]; then
    rm "$BIDSGLM_PARTICIPANTS"
    echo "submit.sh: no participant of $BIDS_DIR has preprocessed data in $DERIVATIVES; look at the participant_id" \
        "of participants.tsv, or correct $1" >&2
    exit 66
fi

export BIDSGLM_SETTINGS BIDSGLM_PARTICIPANTS
export BIDSGLM_HPC=$here # SLURM runs copies of the scripts elsewhere
logs=$OUTPUT_DIR/logs/slurm
job=$(sbatch --parsable --job-name=bidsglm --array="1-$count%$AT_ONCE" --output="$logs/%x-%A_%a.log" \
    "${SBATCH_PARTICIPANT[@]}" "$here/participant.sbatch")
job=${job%%;*}
group=$(sbatch --parsable --job-name=bidsglm-group --dependency="$GROUP_AFTER:$job" --kill-on-invalid-dep=yes \
    --output="$logs/%x-%j.log" "${SBATCH_GROUP[@]}" "$here/group.sbatch")
echo "submitted $count participants as job $job, the group level as job ${group%%;*}; logs in $logs"
