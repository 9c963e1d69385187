# shellcheck shell=bash
# What a script needs that starts private servers for a command: who a process is, starting, stopping, waiting, and
# removing what a killed run left. Sourced after lib.sh, never run.
#
# A run is a folder under $BASE. In it NAME.mark says which process NAME is, NAME.log is what it said, and owner.mark
# is the script that made the run: while that lives, no sweep touches the folder. The script that sources this defines
# `remove FOLDER`, which ends what runs in a run and deletes it.

# --- who a process is: its id and when it began, so that a reused id is not taken for it -------------------------

identity() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The name, in parentheses, may hold blanks: the fields are counted after it, the 20th is the start time.
    # shellcheck disable=SC2086
    set -- "$1" ${stat##*) }
    # A zombie has ended; it only waits to be asked for its exit code.
    [[ $2 != Z ]] || return 1
    printf '%s %s\n' "$1" "${21}"
}

alive() {
    local pid began
    [[ -e $1 ]] && read -r pid began <"$1" || return 1
    [[ $(identity "$pid") == "$pid $began" ]]
}

# `stop MARK SIGNAL [SECONDS]` signals whom the mark file names and waits for the end, 5 s unless told; then kills.
stop() {
    local mark=$1 signal=$2 seconds=${3:-5} pid i
    alive "$mark" || return 0
    read -r pid _ <"$mark"
    kill "-$signal" "$pid" 2>/dev/null || true
    for ((i = 0; i < seconds * 20; i++)); do
        alive "$mark" || return 0
        sleep 0.05
    done
    say "$(basename "$mark" .mark) (process $pid) did not stop within $seconds s: killed"
    kill -KILL "$pid" 2>/dev/null || true
}

# --- runs --------------------------------------------------------------------------------------------------------

# Removes every run of $BASE whose owner has died.
sweep() {
    local run
    for run in "$BASE"/*/; do
        [[ -d $run ]] || continue
        run=${run%/}
        if alive "$run/owner.mark"; then
            continue
        fi
        # A run that is just beginning has no mark yet.
        if [[ ! -e $run/owner.mark && -z $(find "$run" -maxdepth 0 -mmin +1) ]]; then
            continue
        fi
        say "removing what a killed run left: $run"
        remove "$run"
    done
}

# Makes RUN, a run of this script, which is removed when the script ends.
begin_run() {
    mkdir -p "$BASE"
    RUN=$(mktemp -d "$BASE/XXXXXX")
    trap 'remove "$RUN"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    identity "$$" >"$RUN/owner.mark"
}

# A port below the range that the kernel hands to outgoing connections, with no one listening now.
free_port() {
    local port
    for _ in {1..50}; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s\n' "$port"
            return
        fi
    done
    fail "found no free port between 20000 and 32000 on 127.0.0.1"
}

# `launch NAME COMMAND...`, in a session of its own: a Ctrl-C meant for the script's command must not reach a server.
launch() {
    local name=$1
    shift
    setsid "$@" >"$RUN/$name.log" 2>&1 </dev/null &
    identity $! >"$RUN/$name.mark" || true
    # Else bash would report the end that we give it.
    disown
}

# `ready NAME SECONDS PROBE...` waits until the probe succeeds; fails when NAME ended instead or the limit is over.
ready() {
    local name=$1 until=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! alive "$RUN/$name.mark" || [[ $SECONDS -ge $until ]]; then
            return 1
        fi
        sleep 0.05
    done
    # The port that answered may be another's, who took it first: then ours has ended.
    alive "$RUN/$name.mark"
}

port_was_taken() { grep -qiE 'address already in use' "$RUN/$1.log"; }

give_up() {
    say "error: $1 did not start; the end of its log ($RUN/$1.log):"
    tail -n 20 "$RUN/$1.log" >&2 || true
    exit 1
}

# --- the command -------------------------------------------------------------------------------------------------

# At a terminal the command has it, and Ctrl-C reaches the command from there. Without one, a signal to this script
# is passed on to all of the command's processes, which have 10 s to end.
run() {
    if [[ -t 0 ]]; then
        trap '' INT
        (
            trap - INT
            exec setpriv --pdeathsig TERM -- "$@"
        )
        return
    fi
    set -m
    setpriv --pdeathsig TERM -- "$@" <&0 &
    local command=$! code=0
    set +m
    trap 'pass_on TERM "$command"' TERM HUP
    trap 'pass_on INT "$command"' INT
    wait "$command" || code=$?
    return "$code"
}

pass_on() {
    trap '' TERM HUP INT
    kill "-$1" -- "-$2" 2>/dev/null || true
    for _ in {1..100}; do
        kill -0 "$2" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL -- "-$2" 2>/dev/null || true
    exit $((128 + $(kill -l "$1")))
}
