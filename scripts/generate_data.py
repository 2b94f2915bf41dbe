"""Generate synthetic events and a merge history; `--demo` writes the demonstration seeds again."""

import argparse
from datetime import date

from segmentry.synthetic import GeneratorConfig, write_dataset, write_demo

DEFAULTS = GeneratorConfig()
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("--customers", type=int, default=DEFAULTS.n_customers, dest="n_customers")
parser.add_argument(
    "--events-per-customer", type=float, default=DEFAULTS.events_per_customer, help="expected"
)
parser.add_argument("--months", type=int, default=DEFAULTS.months, help="length of the window")
parser.add_argument("--end-date", type=date.fromisoformat, default=DEFAULTS.end_date, help="exclusive")
parser.add_argument("--seed", type=int, default=DEFAULTS.seed, help="of everything")
parser.add_argument(
    "--dirt", type=float, default=DEFAULTS.dirt, help="multiplies all defect rates, 0 is clean"
)
parser.add_argument("--format", choices=["parquet", "csv"], default="parquet", help="of the files")
parser.add_argument("--output", default="data", metavar="DIR", help="where the files go")
parser.add_argument("--demo", action="store_true", help="write the two seeds to seeds/ and ignore the rest")
options = vars(parser.parse_args())
demo, output, file_format = options.pop("demo"), options.pop("output"), options.pop("format")
if demo:
    print(write_demo("seeds"))
else:
    print(write_dataset(GeneratorConfig(**options), output, file_format))
