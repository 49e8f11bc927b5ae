#!/bin/sh
# test.sh DATA: calls the image as the test of the BIDS Apps' example does, on a data set with participants 01 and 02.
# Read-only root, no network, nothing to write to but the output folder; then what a wrong call says.
set -eu
data=$(readlink -f "$1")
cd "$(dirname "$0")/.."
. container/engine.sh
engine=$(find_engine)
image=${IMAGE:-bidsglm/bidsglm}
sif=$(readlink -f "${SIF:-bidsglm.sif}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/out" "$work/closed"
chmod 755 "$work" "$work/out"
chmod 555 "$work/closed"
user=$(id -u):$(id -g)
if [ "$user" = 0:0 ]; then # root may write everywhere: an ordinary user shows what users see
    user=12345:12345
    chown "$user" "$work/out"
fi

# in_container MOUNTS ARGUMENTS...: MOUNTS are "FROM:TO[:ro]", separated by spaces
in_container() {
    mounts=$1
    shift
    case $engine in
    apptainer | singularity) set -- "$sif" "$@" ;;
    *) set -- "$image" "$@" ;;
    esac
    for mount in $mounts; do
        set -- --volume "$mount" "$@"
    done
    case $engine in
    apptainer | singularity) "$engine" -q run --containall --cleanenv --no-home "$@" ;;
    podman) podman run --rm --read-only --read-only-tmpfs=false $options "$@" ;;
    *) "$engine" run --rm --read-only $options "$@" ;;
    esac
}
options="--network none --cap-drop ALL --security-opt no-new-privileges --user $user"

# expect CODE TEXT MOUNTS ARGUMENTS...: runs, and compares the exit code and one line of what was said
expect() {
    code=$1 text=$2
    shift 2
    got=0
    in_container "$@" >"$work/said" 2>&1 || got=$?
    if [ "$got" != "$code" ] || ! grep -q -e "$text" "$work/said"; then
        echo "FAILED: exit code $got, wanted $code and '$text': $*" >&2
        cat "$work/said" >&2
        exit 1
    fi
    shift
    echo "ok ($code): $*"
}

both="$data:/bids_dataset:ro $work/out:/outputs"
expect 0 "^bidsglm ${VERSION:-[0-9]}" "" --version
expect 0 '"schema-version": "0.5"' "" --bids-exec-spec
expect 0 "sub-01: finished" "$both" /bids_dataset /outputs participant --participant_label 01
expect 0 "sub-02: finished" "$both" /bids_dataset /outputs participant --participant_label 02
expect 0 "2 of 2 participants compared" "$both" /bids_dataset /outputs group
expect 64 "no-such-option" "$both" /bids_dataset /outputs participant --no-such-option
expect 17 "unknown analysis level" "$both" /bids_dataset /outputs everybody
expect 66 "/bids_dataset" "$work/out:/outputs" /bids_dataset /outputs participant
expect 73 "/outputs" "$data:/bids_dataset:ro $work/closed:/outputs" /bids_dataset /outputs participant
for page in sub-01.html sub-02.html group.html; do
    [ -s "$work/out/$page" ] || { echo "FAILED: $page is missing" >&2; exit 1; }
done
grep -q '"Tag": ".*/' "$work/out/dataset_description.json" || { echo "FAILED: no Container named" >&2; exit 1; }
others=$(find "$work/out" -not -user "${user%:*}")
[ -z "$others" ] || { echo "FAILED: not ours: $others" >&2; exit 1; }
left=$(find "$work/out" -maxdepth 1 -name '.*.tmp')
[ -z "$left" ] || { echo "FAILED: temporary files stayed: $left" >&2; exit 1; }
