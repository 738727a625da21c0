"""Benchmarks: each file prints its figures beside a baseline measured in the same run. Never run by pytest.

python -m tests.benchmarks.startup
python -m tests.benchmarks.asking
python -m tests.benchmarks.retrieval
"""
