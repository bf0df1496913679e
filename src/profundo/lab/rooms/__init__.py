"""The rooms of the lab: each a table of calls that shows what the house computes, and computes nothing itself."""
