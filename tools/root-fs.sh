# shellcheck shell=bash
# What is in an image: root file systems made of executables and the libraries that they are linked with. The one list
# of content, for the Dockerfile and for the images that are made without Docker. Sourced after lib.sh, never run.

# A link for each role: `vitte-bot` is `vitte bot`.
ROLES=(bot worker api admin migrate sim)
AUTHORITIES=/etc/ssl/certs/ca-certificates.crt

skeleton() { # skeleton FOLDER UID NAME: the folders and users of an image
    local root=$1
    mkdir -p "$root"/{etc,tmp,usr/bin,usr/sbin,usr/lib,usr/lib64,var}
    ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root/"
    ln -s ../run "$root/var/run"
    mkdir "$root/run"
    printf 'root:x:0:0:root:/:/bin/false\n%s:x:%s:%s::/tmp:/bin/false\n' "$3" "$2" "$2" >"$root/etc/passwd"
    printf 'root:x:0:\n%s:x:%s:\n' "$3" "$2" >"$root/etc/group"
}

libraries_of() {
    local file
    for file in "$@"; do
        ldd "$file" 2>/dev/null | grep -oE '/[^ ]+' || true
    done | sort -u
}

# Copies files to where they are here, and the libraries they are linked with.
take() { # take ROOT FILE...
    local root=$1 file
    shift
    for file in "$@" $(libraries_of "$@"); do
        mkdir -p "$root$(dirname "$file")"
        cp -Lf "$file" "$root$file"
    done
}

# An executable without its symbols, which are most of a debug build, and whom it trusts. No shell, nothing else.
executable_root() { # executable_root ROOT EXECUTABLE
    skeleton "$1" 65532 vitte
    # shellcheck disable=SC2046 # words are meant
    take "$1" "$AUTHORITIES" $(libraries_of "$2")
    strip -o "$1/usr/bin/$(basename "$2")" "$2"
    install -Dm 644 LICENSE "$1/usr/share/doc/vitte/LICENSE"
}

services_root() { # services_root ROOT EXECUTABLE
    local role
    executable_root "$1" "$2"
    for role in "${ROLES[@]}"; do
        ln -s vitte "$1/usr/bin/vitte-$role"
    done
}

operator_root() { executable_root "$1" "$2"; }

# The same rights whatever the umask was: everybody reads, nobody writes but in /tmp.
even_rights() { # even_rights ROOT
    chmod -R u=rwX,go=rX "$1"
    if [[ -d $1/tmp ]]; then
        chmod 1777 "$1/tmp"
    fi
}
