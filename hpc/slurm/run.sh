# shellcheck shell=bash
# run_bidsglm LEVEL [OPTIONS]: one run, in the image or, where there is none, as installed.
#
# --cleanenv and --containall: nothing of the user's environment, home or /tmp gets in. The image is read-only, and
# so are the data; results go to /out and temporary files to /work, a folder of the job that is removed at its end.
# bidsglm needs no network: where the cluster lets users, --net --network none can be added.

# shellcheck source=settings.example.sh
. "$BIDSGLM_SETTINGS"

run_bidsglm() {
    local level=$1 work status=0 child runtime
    shift
    work=$(mktemp -d "${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/bidsglm-XXXXXX")
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$work'" EXIT
    mkdir -p "$OUTPUT_DIR"

    local resources=(--omp-nthreads "${SLURM_CPUS_PER_TASK:-1}")
    if [ -n "${SLURM_MEM_PER_NODE:-}" ]; then
        resources+=(--mem "$SLURM_MEM_PER_NODE")
    fi
    local command
    if [ -n "$IMAGE" ]; then
        runtime=$(command -v apptainer || command -v singularity)
        local binds=(--bind "$BIDS_DIR:/data:ro" --bind "$DERIVATIVES:/derivatives:ro"
            --bind "$OUTPUT_DIR:/out" --bind "$work:/work")
        local options=(--derivatives /derivatives --work-dir /work)
        if [ -n "$MODEL" ]; then
            binds+=(--bind "$MODEL:/model_smdl.json:ro")
            options+=(--model /model_smdl.json)
        fi
        command=("$runtime" run --cleanenv --containall --env TMPDIR=/work "${binds[@]}" "$IMAGE"
            /data /out "$level" "${options[@]}")
    else
        local options=(--derivatives "$DERIVATIVES" --work-dir "$work")
        if [ -n "$MODEL" ]; then
            options+=(--model "$MODEL")
        fi
        command=(bidsglm "$BIDS_DIR" "$OUTPUT_DIR" "$level" "${options[@]}")
    fi

    # SLURM's SIGTERM reaches this shell, which hands it on: bidsglm ends at once and the same job can be sent again.
    "${command[@]}" "${resources[@]}" "${OPTIONS[@]}" "$@" &
    child=$!
    # shellcheck disable=SC2064
    trap "kill -TERM $child 2>/dev/null || true" TERM
    wait "$child" || status=$?
    if kill -0 "$child" 2>/dev/null; then
        wait "$child" || status=$?
    fi
    return "$status"
}
