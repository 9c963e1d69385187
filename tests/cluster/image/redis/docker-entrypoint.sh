#!/bin/sh
set -eu
case ${1-} in
-* | *.conf) set -- redis-server "$@" ;;
esac
# In a pod of its own anyone may ask it, as the official image has it; --requirepass closes it.
if [ "${1-}" = redis-server ]; then
    shift
    case ${1-} in
    *.conf)
        file=$1
        shift
        set -- redis-server "$file" --protected-mode no "$@"
        ;;
    *) set -- redis-server --protected-mode no "$@" ;;
    esac
fi
exec "$@"
