#!/bin/bash
# The programs that our files and answers are for, from PyPI, in the tests that ask them: NumPy, FAISS, pandas, DuckDB,
# qdrant-client, PostgreSQL with pgvector, and OpenAI's client in its newest version and in an old one. Virtual environments are made in
# CLIENTS (by default ~/.cache/byol-clients).
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${CLIENTS:-$HOME/.cache/byol-clients}
environment() {
  local name=$1
  shift
  [ -e "$folder/$name/complete" ] && return
  python3 -m venv "$folder/$name"
  "$folder/$name/bin/pip" install --quiet "$@"
  touch "$folder/$name/complete"
}
environment newest numpy faiss-cpu pandas duckdb qdrant-client pgserver openai
# The versions before 1.55.3 pass httpx an argument that 0.28 no longer has.
environment openai-1.40 numpy 'openai==1.40.0' 'httpx<0.28'

echo "== newest"
BYOL_PYTHON=$folder/newest/bin/python Scripts/test.sh --filter 'Exports in other programs|The OpenAI client'
echo "== openai 1.40"
BYOL_PYTHON=$folder/openai-1.40/bin/python Scripts/test.sh --filter 'The OpenAI client'
