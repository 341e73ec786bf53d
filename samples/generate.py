"""Write page views as NDJSON to stdout: something long enough to watch.

Usage: python samples/generate.py [RECORDS]
"""

import json
import random
import sys

PAGES = ("/", "/shoes", "/fleece", "/bubbles", "/game-boy", "/mittons", "/cart", "/checkout")


def main() -> None:
    """Write as many page views as the first argument says; the same ones each time."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    chance = random.Random(1)  # noqa: S311 - sample data
    for number in range(1, records + 1):
        view = {
            "id": number,
            "user_id": chance.randint(1, 5),
            "page": chance.choice(PAGES),
            "seconds": round(chance.expovariate(1 / 30), 2),
            "referrer": chance.choice((None, "PPC", "Referral", "Organic")),
        }
        sys.stdout.write(json.dumps(view) + "\n")


if __name__ == "__main__":
    main()
