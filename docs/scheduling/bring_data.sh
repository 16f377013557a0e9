#!/bin/sh
# Bring last month's candidate file into the store of vintages, then count what is known today.
# The annual file is brought once a year: harmattan data fetch ucdp --version 25.1 --store vintages
set -eu
HARMATTAN=${HARMATTAN:-/opt/harmattan/.venv/bin/harmattan}
REGIONS=${REGIONS:-/srv/harmattan/regions.geojson}
cd "${STATE:-/var/lib/harmattan}"

# UCDP calls October 2023 "23.0.10".
CANDIDATE=${CANDIDATE:-$(date -u -d "$(date -u +%Y-%m-15) -1 month" +%y.0.%-m)}
"$HARMATTAN" data fetch ucdp --candidate "$CANDIDATE" --store vintages

# Built aside and moved into place, so that a failure leaves the old panel.
"$HARMATTAN" data build --source "store:vintages@$(date -u +%F)" --regions "$REGIONS" --out panel.new.parquet
mv panel.new.parquet panel.parquet
