# What a session's shell has beside the commands of a page.

# Run a command in the background until it has shown some lines; then stop it, as Ctrl-C would.
run_until_shown() {
    bash -c "exec $(cat "$2.sh")" > "$2.output" 2>&1 < /dev/null &
    for _ in $(seq 100); do
        [ "$(wc -l < "$2.output")" -ge "$1" ] && break
        sleep 0.1
    done
    kill -TERM $!
    wait $!
    return 0
}
