"""The doctor in trainings of Profundo: what it watches, when it examines, and which settings heal."""
