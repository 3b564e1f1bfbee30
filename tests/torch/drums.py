"""The Groove Transformer and its VAE in PyTorch, of torch's own layers, with the losses of
the papers; parameters go in and out by their names in a checkpoint
(schemas/xl-checkpoint.md). Letters: B lanes, T steps, D width, Z numbers of a latent."""
import math

import torch
from torch import nn
from torch.nn import functional as F

VOICES, TAP_VOICE = 9, 2
# what a config does not say (lib/model/model_settings.c)
USUAL = {"inputs": 3 * VOICES, "density": 0, "miss_weight": 0.4, "latent": 16, "dec_layers": 2,
         "dec_width": 128, "dec_heads": 4, "dec_ff": 128, "beta": 0.2, "velocity_loss": "mse",
         "offset_loss": "mse", "reduce": "mean"}
LAYER = {"self_attn.out_proj.weight": "wo", "self_attn.out_proj.bias": "bo",
         "linear1.weight": "w1", "linear1.bias": "b1", "linear2.weight": "w2",
         "linear2.bias": "b2", "norm1.weight": "ln1.g", "norm1.bias": "ln1.b",
         "norm2.weight": "ln2.g", "norm2.bias": "ln2.b"}


def places(n, width):
    """Sinusoids, sines and cosines in turn (Vaswani et al. 2017, 3.5)."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(1e4) / width))
    angle = torch.arange(n)[:, None] * rate
    p = torch.zeros(n, width)
    p[:, 0::2] = angle.sin()
    p[:, 1::2] = angle.cos()[:, :width // 2]
    return p


def stack(width, heads, ff, layers, c):
    layer = nn.TransformerEncoderLayer(width, heads, ff, c["dropout"], batch_first=True,
                                       layer_norm_eps=c["norm_eps"])
    return nn.TransformerEncoder(layer, layers, nn.LayerNorm(width, eps=c["norm_eps"]), enable_nested_tensor=False)


class Model(nn.Module):
    """By the settings of a run's config.json, those that the published models have."""

    def __init__(self, c):
        super().__init__()
        self.c = c = dict(USUAL, **c)
        d, t = c["width"], c["segment"]
        self.is_vae, how = c["arch"] == "groove-vae", c["density"]
        self.leads, self.column = how == 2, how == 1
        steps, last = t + self.leads, c["dec_width"] if self.is_vae else d
        self.seen = nn.Linear(c["inputs"] + self.column, d)
        self.lead = nn.Linear(1, d) if self.leads else None
        self.register_buffer("places", places(steps, d))
        self.drop = nn.Dropout(c["dropout"])
        self.encoder = stack(d, c["heads"], c["ff"], c["layers"], c)
        if self.is_vae:
            self.mu = nn.Linear(steps * d, c["latent"])
            self.log_var = nn.Linear(steps * d, c["latent"])
            self.from_latent = nn.Linear(c["latent"], t * last)
            self.decoder = stack(last, c["dec_heads"], c["dec_ff"], c["dec_layers"], c)
        self.out = nn.Linear(last, 3 * VOICES)

    def tap(self, y):
        """The loudest hit of each step, the first of equals, in one voice."""
        three = y.view(*y.shape[:2], 3, VOICES)
        best = three[:, :, 1].argmax(-1)[..., None, None].expand(*y.shape[:2], 3, 1)
        hit = three.gather(3, best)
        if self.c["inputs"] == 3:
            return hit.flatten(2)
        x = torch.zeros_like(three)
        x[..., TAP_VOICE] = hit[..., 0]
        return x.flatten(2)

    def forward(self, y, noise=None):
        """Logits (B,T,27) of windows (B,T,27); of a VAE mu and ln variance too, (B,Z). The
        noise that it draws with is given or 0."""
        x, density = self.tap(y), y[:, :, :VOICES].mean((1, 2))
        if self.column:
            x = torch.cat((x, density[:, None, None].expand(*y.shape[:2], 1)), 2)
        x = self.seen(x)
        if self.leads:
            x = torch.cat((self.lead(density[:, None, None]), x), 1)
        x = self.encoder(self.drop(F.relu(x) + self.places))
        if not self.is_vae:
            return self.out(x[:, 1:] if self.leads else x), None, None
        flat = x.flatten(1)
        mu, log_var = self.mu(flat), self.log_var(flat)
        z = mu if noise is None else mu + (log_var / 2).exp() * noise
        x = self.from_latent(z).view(*y.shape[:2], self.c["dec_width"])
        return self.out(self.decoder(x)), mu, log_var

    def loss(self, y, made, beta):
        return sum(self.parts(y, made, beta))

    def parts(self, y, made, beta):
        """The loss as its terms, of hits, velocities, offsets and latents: that of Haki et
        al. 2022, sums over voices, cells that are not hit weigh less; of the VAE means over
        all, or sums."""
        logits, mu, log_var = made
        h, v, o = logits.split(VOICES, 2)
        hit, velocity, offset = y.split(VOICES, 2)
        w = 1 if self.is_vae else torch.where(hit > 0, 1.0, self.c["miss_weight"]).to(y)
        bce = F.binary_cross_entropy_with_logits
        of_v = (bce(v, velocity, reduction="none") if self.c["velocity_loss"] == "bce"
                else (v.sigmoid() - velocity) ** 2)
        of_o = (bce(o, offset + 0.5, reduction="none") if self.c["offset_loss"] == "bce"
                else (o.tanh() / 2 - offset) ** 2)
        cells = [w * t for t in (bce(h, hit, reduction="none"), of_v, of_o)]
        if not self.is_vae:
            return [t.sum(2).mean() for t in cells] + [torch.zeros(())]
        apart = -0.5 * (1 + log_var - mu ** 2 - log_var.exp())
        if self.c["reduce"] == "sum":
            return [t.sum() for t in cells] + [beta * apart.sum()]
        return [t.mean() for t in cells] + [beta * apart.mean()]

    def named(self, gives):
        """{name in a checkpoint: what `gives` of a parameter, as it stands there}."""
        ends = {"seen": "in", "lead": "density", "mu": "mu", "log_var": "lv",
                "from_latent": "dec.z", "out": "out"}
        found = {}
        for name, p in self.named_parameters():
            module, rest = name.split(".", 1)
            t, first = gives(p), "enc." if self.is_vae else ""
            if module in ends:
                own = first + ends[module] if module in ("seen", "lead") else ends[module]
                found[own + (".b" if rest == "bias" else ".w")] = t.t()
                continue
            half = {"encoder": first, "decoder": "dec."}[module]
            if rest.startswith("norm."):
                found[half + "lnf." + ("b" if rest == "norm.bias" else "g")] = t
                continue
            _, layer, rest = rest.split(".", 2)
            layer = f"{half}l{layer}."
            if "in_proj" in rest:
                for which, part in zip("qkv", t.chunk(3)):
                    found[layer + ("b" if rest.endswith("bias") else "w") + which] = part.t()
            else:
                found[layer + LAYER[rest]] = t.t()
        return found

    @torch.no_grad()
    def fill(self, p):
        """Takes the parameters of a checkpoint, {name: tensor}; they must be its own."""
        want = self.named(lambda t: t.data)
        if want.keys() != p.keys():
            raise SystemExit(f"drums: the engine has other tensors: {sorted(want.keys() ^ p.keys())}")
        for name, t in want.items():
            t.copy_(p[name].view(t.shape))
