"""What wanpoll costs, beside what the alternatives cost: `python -m benchmarks`. The README tells the method."""
