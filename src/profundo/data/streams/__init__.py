"""Files wherever they lie: addresses, archives, shards, caches; and data larger than memory, read in place."""
