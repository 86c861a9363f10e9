#!/usr/bin/env python3
"""Repeats an access log (gzip) until it has so many bytes, its dates moved on each time.

    bench/grow_access_log.py ../shared/data/access-logs/apache_combined_2015-05.log.gz OUT 1000000000
"""

import datetime
import gzip
import re
import sys

DAY = re.compile(rb"\[(\d\d/\w\w\w/\d{4}):")


def main() -> None:
    source, out, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
    text = gzip.open(source).read()
    days = sorted({m for m in DAY.findall(text)}, key=parse)
    moved_by = (parse(days[-1]) - parse(days[0])).days + 1
    written, repeat = 0, 0
    with open(out, "wb") as log:
        while written < wanted:
            moved = text
            # From the last day to the first, so that no day is moved twice.
            for day in reversed(days):
                later = parse(day) + datetime.timedelta(days=moved_by * repeat)
                moved = moved.replace(b"[" + day + b":", later.strftime("[%d/%b/%Y:").encode())
            written += log.write(moved)
            repeat += 1


def parse(day: bytes) -> datetime.datetime:
    return datetime.datetime.strptime(day.decode(), "%d/%b/%Y")


main()
