#!/bin/sh
# Runs a command with a local queue of its own: with_sqs.sh SLUICE-SQS COMMAND...
# The command finds it, and credentials for it, in its environment. To test against another queue, set SLUICE_SQS_ENDPOINT and the
# AWS variables yourself, and run the command alone.
set -eu
program=$1
shift
folder=$(mktemp -d "${TMPDIR:-/tmp}/sluice-sqs.XXXXXX")
queue=
trap 'test -z "$queue" || kill "$queue" 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP

export AWS_ACCESS_KEY_ID=AKIATESTTESTTEST AWS_SECRET_ACCESS_KEY=a-secret-of-the-tests AWS_REGION=eu-west-1 AWS_CONFIG_FILE=/dev/null \
  AWS_SHARED_CREDENTIALS_FILE=/dev/null
unset AWS_PROFILE AWS_SESSION_TOKEN
"$program" --listen 127.0.0.1:0 --port-file "$folder/port" --region "$AWS_REGION" \
  --access-key "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" >"$folder/log" 2>&1 &
queue=$!
tries=0
until [ -s "$folder/port" ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ] || ! kill -0 "$queue" 2>/dev/null; then
    cat "$folder/log" >&2
    exit 1
  fi
  sleep 0.1
done
SLUICE_SQS_ENDPOINT="http://127.0.0.1:$(cat "$folder/port")" "$@"
