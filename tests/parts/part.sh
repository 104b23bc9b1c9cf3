# shellcheck shell=bash
# What the installers in this folder share; to be sourced, not run.
#
# An installer is `tests/parts/NAME.sh`: it fills `$TOLLGATE_CACHE/NAME` once for each version and
# does nothing when that is done. It may be stopped at any moment and run twice at once.

set -euo pipefail

TOLLGATE_CACHE="${TOLLGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tollgate}"
mkdir -p "$TOLLGATE_CACHE"

# note TEXT: progress, for people; standard output stays free for results.
note() {
    echo "tests/parts: $*" >&2
}

# install_part NAME VERSION: calls the function `fill FOLDER`, with errors ending it, unless the
# folder already holds this version. The file `.installed` is written last and tells that it does.
install_part() {
    local name="$1" version="$2"
    local folder="$TOLLGATE_CACHE/$name"
    exec 9>"$TOLLGATE_CACHE/$name.lock"
    flock 9
    if [ "$(cat "$folder/.installed" 2>/dev/null)" = "$version" ]; then
        return
    fi
    note "installing $name $version"
    rm -rf "$folder"
    mkdir -p "$folder"
    (fill "$folder") 9>&- >&2
    echo "$version" >"$folder/.installed.new"
    mv "$folder/.installed.new" "$folder/.installed"
    note "installed $name $version"
}
