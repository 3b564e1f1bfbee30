"""record.py DIR OUT: the logits, loss and greedy tokens that transformers computes, in double
precision, of a folder (the ids are a rule); what gpt2.json and llama.json were made with.
record.py --check DIR REFERENCE: exits 1 where the model in DIR gives other logits than the
recorded ones, by more than 1e-5."""
import json, sys
import torch
from transformers import AutoModelForCausalLM

check = sys.argv[1] == '--check'
folder, file = sys.argv[1 + check], sys.argv[2 + check]
model = AutoModelForCausalLM.from_pretrained(folder).double().eval()
V = model.config.vocab_size
ids = [(7 * i * i + 3 * i + 5) % V for i in range(12)]
with torch.no_grad():
    z = model(torch.tensor([ids])).logits[0]
    loss = torch.nn.functional.cross_entropy(z[:-1], torch.tensor(ids[1:])).item()
    greedy = list(ids)
    for _ in range(8):
        greedy.append(int(model(torch.tensor([greedy])).logits[0, -1].argmax()))
if not check:
    json.dump({'ids': ids, 'loss': loss, 'greedy': greedy[len(ids):],
               'logits': [[round(x, 8) for x in row] for row in z.tolist()]}, open(file, 'w'))
    sys.exit()
ref = json.load(open(file))
off = (z - torch.tensor(ref['logits'], dtype=torch.float64)).abs().max().item()
print(f'{folder}: logits within {off:.1e}')
sys.exit(off > 1e-5 or greedy[len(ids):] != ref['greedy'])
