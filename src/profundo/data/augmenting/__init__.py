"""Random changes of a batch by idea: where pixels come from, their colours, what is hidden, what is mixed.

`profundo.data.augmenting.augment` chains them; `options` says what each may be asked. Every change draws from the generator it is
given, for the whole batch at once, on the device of the inputs.
"""
