#!/bin/sh
# How fast a bundle starts: from exec to the end of its --version, on each rung, as this user and (from root) as an ordinary one.
# Usage: bundle/benches/start.sh FILE.run
set -eu
bundle=$(realpath "${1:?usage: $0 FILE.run}")
command -v hyperfine >/dev/null || { echo "$0: hyperfine is not installed" >&2; exit 1; }

ls -l "$bundle"
echo "The launcher's steps:"
BENCHRUN_TRACE=1 "$bundle" --version 2>&1 >/dev/null | grep trace

set -- -n "rung 2" "$bundle --version" -n "rung 4" "env BENCHRUN_FORCE_RUNG=4 $bundle --version"
if [ "$(id -u)" = 0 ]; then
    user="setpriv --reuid 1000 --regid 1000 --clear-groups"
    # setpriv's own two milliseconds are measured too, to be subtracted.
    set -- "$@" -n "rung 2, user" "$user $bundle --version" -n "user alone" "$user true"
fi
hyperfine --shell=none --warmup 5 --runs 50 "$@" 2>/dev/null
