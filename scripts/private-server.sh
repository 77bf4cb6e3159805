# Functions for scripts that need a throw-away PostgreSQL. To be sourced; the script that sources this runs with `set -euo pipefail`.
# A private server listens on a unix socket in its own folder only, belongs to nobody else, and is gone when its folder is.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# pg_bin MAJOR: the folder of that version's programs, as scripts/servers left them.
pg_bin() {
    local unpacked="${DBBACKUP_SERVERS:-$project/.cache/servers}/pg$1/usr/lib/postgresql/$1/bin" native="/usr/lib/postgresql/$1/bin"
    local dir
    for dir in "$unpacked" "$native"; do
        if [ -x "$dir/postgres" ]; then
            printf '%s\n' "$dir"
            return 0
        fi
    done
    printf 'no PostgreSQL %s: run scripts/servers first\n' "$1" >&2
    return 69
}

# as_server COMMAND...: servers refuse to run as root, so as root they run as the user postgres.
as_server() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && exec runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

# server_start MAJOR FOLDER [LINE OF postgresql.conf]...: sets PGHOST, PGPORT, PGUSER and `bin`. The folder must be empty.
server_start() {
    local major=$1 folder=$2
    shift 2
    bin=$(pg_bin "$major")
    if [ "$(id -u)" = 0 ]; then
        chown postgres: "$folder"
    fi
    chmod 711 "$folder"
    as_server env LC_ALL=C "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -k -N >"/dev/null"
    printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$folder'" "port = 54321" "$@" |
        as_server tee -a "$folder/data/postgresql.conf" >/dev/null
    as_server "$bin/pg_ctl" -D "$folder/data" -l "$folder/server.log" -w -t 60 start >/dev/null || {
        tail -n 5 "$folder/server.log" >&2
        return 1
    }
    export PGHOST=$folder PGPORT=54321 PGUSER=postgres
    unset PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS
}

# server_stop FOLDER: stops the server and removes its folder.
server_stop() {
    if [ -e "$1/data/postmaster.pid" ]; then
        as_server "$bin/pg_ctl" -D "$1/data" -m immediate -w stop >/dev/null 2>&1 || true
    fi
    rm -rf "$1"
}
