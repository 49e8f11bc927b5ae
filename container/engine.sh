# shellcheck shell=sh
# Which of the tools that build and run containers is to be used: ENGINE, else the first that works here.
find_engine() {
    if [ -n "${ENGINE:-}" ]; then
        command -v "$ENGINE" >/dev/null || { echo "ENGINE=$ENGINE: no such program; install it or name another" >&2; return 1; }
        echo "$ENGINE"
        return
    fi
    for candidate in docker podman; do
        if command -v "$candidate" >/dev/null && "$candidate" info >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    for candidate in apptainer singularity; do
        if command -v "$candidate" >/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "neither docker nor podman nor apptainer works here; install (docker: start) one, or name it as ENGINE" >&2
    return 1
}
