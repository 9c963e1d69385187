#!/bin/sh
# Makes the database on the first start, then becomes the server.
set -eu

# `setting NAME DEFAULT`: the variable, or the file that NAME_FILE names.
setting() {
    eval "value=\${$1-} file=\${$1_FILE-}"
    if [ -n "$value" ] && [ -n "$file" ]; then
        echo "error: both $1 and $1_FILE are set: one is allowed" >&2
        exit 1
    fi
    if [ -n "$file" ]; then
        value=$(cat "$file")
    fi
    printf '%s' "${value:-$2}"
}

case ${1-} in
-*) set -- postgres "$@" ;;
esac

if [ "${1-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=$(setting POSTGRES_USER postgres)
    password=$(setting POSTGRES_PASSWORD '')
    database=$(setting POSTGRES_DB "$user")
    if [ -z "$password" ] && [ "${POSTGRES_HOST_AUTH_METHOD-}" != trust ]; then
        echo "error: POSTGRES_PASSWORD is not set and there is no database yet" >&2
        exit 1
    fi
    method=${POSTGRES_HOST_AUTH_METHOD-scram-sha-256}
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    # An interrupted first start leaves files and no PG_VERSION: initdb says so and changes nothing.
    umask 077
    printf '%s\n' "$password" >/tmp/password
    # shellcheck disable=SC2086 # several arguments are meant
    initdb --pgdata="$PGDATA" --username="$user" --pwfile=/tmp/password --auth-local=trust --auth-host="$method" \
        ${POSTGRES_INITDB_ARGS-}
    rm /tmp/password
    echo "host all all all $method" >>"$PGDATA/pg_hba.conf"
    # Without a network until the database is there: nobody may find the server ready too early.
    pg_ctl -D "$PGDATA" -w -o "-c listen_addresses='' -c unix_socket_directories=/tmp" start
    if [ "$database" != postgres ]; then
        createdb -h /tmp -U "$user" --owner="$user" "$database"
    fi
    pg_ctl -D "$PGDATA" -w -m fast stop
fi

if [ "${1-}" = postgres ]; then
    # A pod's fsGroup gives the group rights to all that is in a volume, and postgres refuses to start with them.
    chmod 700 "$PGDATA"
    shift
    # A machine's packages take local connections alone; what the caller says comes later and counts.
    set -- postgres -c 'listen_addresses=*' "$@"
fi
exec "$@"
