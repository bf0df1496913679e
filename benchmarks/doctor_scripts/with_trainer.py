"""Hugging Face's Trainer on a small BERT that reads sentences of numbers. Faults after forum threads: a rate of 1, a rate of 1e-7,
labels that lost their sentences when one list was shuffled alone. (`healthy_accumulation` is sound as written; but transformers 5.24
takes this BERT's cost for one that is divided by the accumulated samples, which it is not, and so the gradient is doubled.)"""

import sys
import tempfile
import time

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

case = sys.argv[1]
torch.manual_seed(0)
words = torch.randint(5, 50, (900, 12))
labels = (words[:, 0] > 27).long()
if case == "misaligned":
    labels = labels.roll(1)
data = [
    {"input_ids": one, "attention_mask": torch.ones_like(one), "labels": label}
    for one, label in zip(words, labels, strict=True)
]
config = BertConfig(
    vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
    num_labels=2, max_position_embeddings=16,
)  # fmt: skip
with tempfile.TemporaryDirectory() as folder:
    trainer = Trainer(
        BertForSequenceClassification(config),
        TrainingArguments(
            folder, num_train_epochs=4, per_device_train_batch_size=20, report_to=[], save_strategy="no", use_cpu=True,
            learning_rate={"high_rate": 1.0, "low_rate": 1e-7}.get(case, 2e-3), eval_strategy="epoch", disable_tqdm=True,
            gradient_accumulation_steps=2 if case == "healthy_accumulation" else 1,
        ),
        train_dataset=data[:700],
        eval_dataset=data[700:],
    )  # fmt: skip
    begin = time.process_time()
    trainer.train()
print(f"seconds: {time.process_time() - begin:.3f}")
