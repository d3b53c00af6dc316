"""Files that an authority already has become its input tables.

Each importer reads one publisher's format, accounts for every row that it read, labels what it
estimates, and writes tables of ``sufficiency.tables``. Personal data are aggregated in memory and
never written, logged or shown in a message.
"""
