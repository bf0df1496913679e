"""Tables that people have: CSV, TSV and Parquet, and their columns as features."""
