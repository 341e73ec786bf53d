"""What the Import API takes in one upsert. Source: the vendor's "Import API" pages."""

KEYS_FIELD = "keys"  # of a record: the names of the fields that make its key
MAX_BATCH_RECORDS = 100
