"""The doctor for a training script as it is: `profundo doctor script.py`.

The script runs in a process of its own (launch.py) while PyTorch's own seams are observed (observer.py): who steps what, in
which order, on which batches. How the cost follows from the answers is taped in the first step (tape.py), and so what was seen
becomes a Program that is examined when the script has ended (rebuilding.py).
"""
