"""Training, in parts: what decides a run, its data, its steps, its scores, what it leaves behind."""
