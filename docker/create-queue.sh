#!/bin/sh
# LocalStack runs this when it is ready.
set -eu
awslocal --region eu-central-1 sqs create-queue --queue-name login-events
