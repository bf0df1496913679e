"""Loops in plain PyTorch. Faults after questions in forums: a loss that grows step by step, dropout that stays asleep after the first
validation, softmax before cross-entropy, (N, 1) against (N,), a rate of another optimizer."""

import sys
import time

import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes, load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

case = sys.argv[1]
torch.manual_seed(0)
regression = case in ("broadcast", "healthy_regression")
x, y = load_diabetes(return_X_y=True) if regression else load_digits(return_X_y=True)
x = torch.tensor(x).float() * (20 if regression else 1 / 16)
y = torch.tensor((y - y.mean()) / y.std()).float() if regression else torch.tensor(y)
train, held = random_split(TensorDataset(x, y), [0.8, 0.2])
loader, validation = DataLoader(train, 32, shuffle=True), DataLoader(held, 100)
hidden = nn.Sequential(nn.Linear(x.shape[1], 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2))
net = nn.Sequential(hidden, nn.Linear(64, 1 if regression else 10))
rate = {"high_rate": 30.0, "no_zero_grad": 0.02}.get(case, 0.1)
optimizer = (
    torch.optim.Adam(net.parameters(), 3e-3) if regression else torch.optim.SGD(net.parameters(), rate, momentum=0.9)
)
epochs, parts = 30 if regression else 10, 2 if case == "healthy_accumulation" else 1
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)


def cost_of(rows, targets):
    answers = net(rows)
    if case == "softmax":
        answers = F.softmax(answers, dim=1)
    if regression:
        return F.mse_loss(answers if case == "broadcast" else answers.squeeze(1), targets)
    return F.cross_entropy(answers, targets) / parts


begin = time.process_time()
for epoch in range(epochs):
    if epoch == 0 or case != "asleep":
        net.train()
    for number, (rows, targets) in enumerate(loader):
        cost = cost_of(rows, targets)
        cost.backward()
        if number % parts == parts - 1:
            if case == "healthy_accumulation":
                nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            if case != "no_zero_grad":
                optimizer.zero_grad()
    if case == "healthy_accumulation":
        schedule.step()
    net.eval()
    with torch.no_grad():
        costs = [float(cost_of(rows, targets)) for rows, targets in validation]
    print(f"epoch {epoch}: {float(cost):.4f}, validation {sum(costs) / len(costs):.4f}")
print(f"seconds: {time.process_time() - begin:.3f}")
