#!/bin/sh
# `bench check` in a pipeline, the same for GitHub, GitLab and a shell: measures, says the verdict where the pipeline shows it, and ends
# with the code of `bench check` when the verdict is one of those that fail.
#
#   BENCH            the program that compares [./bench.run]
#   BENCH_BASELINE   the baseline bundle
#   BENCH_CANDIDATE  a command that is measured instead of BENCH
#   BENCH_THRESHOLD, BENCH_MAX_TIME, BENCH_ARGUMENTS   options of `bench check`
#   BENCH_FAIL_ON    verdicts that fail, separated by commas, or none [regression,invalid]
#   BENCH_JUNIT      a file for the verdict as JUnit XML
#
# GITHUB_STEP_SUMMARY and GITHUB_OUTPUT are written to where they are set. What went wrong while measuring fails always.
set -euf

bench=${BENCH:-./bench.run}
baseline=${BENCH_BASELINE:?name the baseline bundle in BENCH_BASELINE}
fail_on=${BENCH_FAIL_ON:-regression,invalid}
report=$(mktemp)
trap 'rm -f "$report"' EXIT

# Artifacts lose the permission to execute.
make_executable() {
    if [ -f "$1" ] && [ ! -x "$1" ]; then
        chmod u+x "$1"
    fi
}

measure() {
    # shellcheck disable=SC2086 # blanks separate the options
    set -- check --against "$baseline" --format markdown ${BENCH_ARGUMENTS:-}
    [ -z "${BENCH_CANDIDATE:-}" ] || set -- "$@" --candidate "$BENCH_CANDIDATE"
    [ -z "${BENCH_THRESHOLD:-}" ] || set -- "$@" --threshold "$BENCH_THRESHOLD"
    [ -z "${BENCH_MAX_TIME:-}" ] || set -- "$@" --max-time "$BENCH_MAX_TIME"
    code=0
    "$bench" "$@" >"$report" || code=$?
    case $code in
    0) verdict=pass ;;
    1) verdict=regression ;;
    3) verdict=inconclusive ;;
    4) verdict=invalid ;;
    5) verdict=not-comparable ;;
    *) verdict=error ;;
    esac
}

fails() {
    case ,$fail_on, in
    *,"$verdict",*) true ;;
    *) [ "$verdict" = error ] ;;
    esac
}

# Text for XML: its own signs as references, no control characters but line ends.
escaped() {
    tr -d '\000-\010\013-\037' | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g; s/"/\&quot;/g'
}

junit() {
    outcome=
    failures=0 errors=0 skipped=0
    if [ "$verdict" = error ]; then
        errors=1 outcome="<error message=\"exit code $code\"/>"
    elif fails; then
        failures=1 outcome="<failure message=\"$verdict\"/>"
    elif [ "$verdict" != pass ]; then
        skipped=1 outcome="<skipped message=\"$verdict\"/>"
    fi
    cat <<END
<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="bench check" tests="1" failures="$failures" errors="$errors" skipped="$skipped">
    <testcase name="bench check" classname="bench">
      $outcome
      <system-out>$(escaped <"$report")</system-out>
    </testcase>
  </testsuite>
</testsuites>
END
}

if [ -f "$baseline" ]; then
    make_executable "$baseline"
    make_executable "$bench"
    measure
else
    verdict=no-baseline
    code=
    printf 'There is no baseline yet: %s is not there. Keep this build as the next one.\n' "'$baseline'" >"$report"
fi

cat "$report"
echo "bench-check: $verdict"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    {
        # A report that is one has its own heading.
        [ "$(head -c 1 "$report")" = '#' ] || printf '## bench check: %s\n\n' "$verdict"
        cat "$report"
        echo
    } >>"$GITHUB_STEP_SUMMARY"
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    printf 'verdict=%s\nexit-code=%s\n' "$verdict" "$code" >>"$GITHUB_OUTPUT"
fi
if [ -n "${BENCH_JUNIT:-}" ]; then
    junit >"$BENCH_JUNIT"
fi
if fails; then
    exit "${code:-1}"
fi
