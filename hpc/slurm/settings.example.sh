# shellcheck shell=bash disable=SC2034
# Copy this file, change what is in it, and give the copy to submit.sh. Paths are those of the cluster.

BIDS_DIR=/path/to/bids
DERIVATIVES=$BIDS_DIR/derivatives/fmriprep
OUTPUT_DIR=/path/to/results

# made by make container ENGINE=apptainer; leave it empty where bidsglm itself is installed
IMAGE=/path/to/bidsglm.sif

# a BIDS Stats Model; empty for the automatic model
MODEL=

# more options for both levels, see docs/usage.md
OPTIONS=()

# resources of one participant: bidsglm ... participant --dry-run says how much memory one takes
SBATCH_PARTICIPANT=(--cpus-per-task=1 --mem=4G --time=1:00:00)
SBATCH_GROUP=(--cpus-per-task=1 --mem=8G --time=1:00:00)

# participants at the same time
AT_ONCE=50

# afterany: the group level takes those that finished; afterok: only when all have
GROUP_AFTER=afterany
