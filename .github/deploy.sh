#!/usr/bin/env bash
# One stage of .github/workflows/deploy.yml: what samconfig.toml's environment says, and the stage's own PARAMETERS.
# Usage: PARAMETERS="TrainingImageUri=... BasesBucket=..." .github/deploy.sh STAGE TEMPLATE ROLE BUCKET REGION
set -euo pipefail
stage=$1 template=$2 role=$3 bucket=$4 region=$5
# --parameter-overrides takes the place of samconfig.toml's, so both are given.
read -ra own <<< "${PARAMETERS:?name the images and the bases bucket, docs/upgrade.md}"
read -ra staged <<< "$(python3 -c "import tomllib; \
print(tomllib.load(open('samconfig.toml', 'rb'))['$stage']['deploy']['parameters']['parameter_overrides'])")"
# sam looks for samconfig.toml beside the template, wherever that lies.
sam deploy --config-file "$PWD/samconfig.toml" --config-env "$stage" --no-confirm-changeset \
  --template-file "$template" --region "$region" --s3-bucket "$bucket" --no-resolve-s3 --role-arn "$role" \
  --parameter-overrides "${staged[@]}" "${own[@]}"
