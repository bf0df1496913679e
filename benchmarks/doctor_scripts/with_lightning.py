"""Lightning modules. Faults after issue threads: softmax in forward() and cross-entropy in training_step(), manual optimisation
without zero_grad(), pixels from 0 to 255 times a hundred, a rate of 10."""

import sys
import time

import lightning
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

case = sys.argv[1]
lightning.seed_everything(0)
x, y = (torch.tensor(part) for part in load_digits(return_X_y=True))
order = torch.randperm(len(x))
x, y = x[order].float() * (100 if case == "unscaled" else 1 / 16), y[order]


class Digits(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        self.automatic_optimization = case != "no_zero_grad"

    def forward(self, rows):
        answers = self.net(rows)
        return answers.softmax(dim=-1) if case == "softmax" else answers

    def training_step(self, batch, _):
        cost = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train", cost)
        if not self.automatic_optimization:
            self.manual_backward(cost)
            self.optimizers().step()
        return cost

    def validation_step(self, batch, _):
        self.log("validation", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        if case == "healthy_schedule":
            optimizer = torch.optim.AdamW(self.parameters(), 1e-2)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)]
        rate = {"high_rate": 10.0, "no_zero_grad": 0.02}.get(case, 0.1)
        return torch.optim.SGD(self.parameters(), rate, momentum=0.9)


trainer = lightning.Trainer(
    max_epochs=8, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
    gradient_clip_val=None if case == "no_zero_grad" else 1.0 if case == "healthy_schedule" else None,
)  # fmt: skip
loaders = (
    DataLoader(TensorDataset(x[:1400], y[:1400]), 32, shuffle=True),
    DataLoader(TensorDataset(x[1400:], y[1400:]), 64),
)
begin = time.process_time()
trainer.fit(Digits(), *loaders)
print(trainer.callback_metrics)
print(f"seconds: {time.process_time() - begin:.3f}")
