"""Trains small tokenizers of each family on corpus.txt, and records what they make of texts.

    python generate.py                writes NAME.json and tokens.json
    python generate.py tokens FILE    prints the tokens of another tokenizer
"""

import json
import os
import sys
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent
CORPUS = (HERE / "corpus.txt").read_text().splitlines()

# What tokenizers of the Llama 3 kind split by.
LLAMA = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

TEXTS = [
    "",
    " ",
    " \t\n\r ",
    "\x00",
    "a\x00b\x01c\x7fd\x85e\u200bf\u2028g\ufeffh\ufffdi",
    "The train was late.",
    "THE TRAIN WAS LATE!!! who'd have guessed? They'LL see, WE'VE seen, it'S, I'M",
    "unbelievably uncharacteristic antidisestablishmentarianism",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich",
    "ÄÖÜ äöü ß ẞ İstanbul ıI ﬁ ﬂ Ǆ ŉ ΑΣ ὈΔΥΣΣΕΎΣ",
    "cafe\u0301 e\u0301\u0323 e\u0323\u0301 \u0301start a\u0300\u0301\u0302\u0303 n\u0303o",
    "e\x01\u0301 é\x00\u0323\u0301 \u0301\u200d\u0323",
    "القطار متأخر اليوم، ونحن ننتظر ١٢٣",
    "الكِتَابُ على الطَّاوِلَة",
    "הרכבת מאחרת היום, ואנחנו מחכים",
    "הַסֵּפֶר עַל הַשֻּׁלְחָן",
    "電車が遅れたので、駅で待ちました。ｶﾀｶﾅ ガ か\u3099",
    "火车晚点了，我们在车站喝咖啡。",
    "豈更車 \U0002f800 㐀 \U00020000 \U00030000",
    "รถไฟมาช้า เราจึงรอที่สถานี",
    "기차가 늦어서 \u1112\u1161\u11ab 한글",
    "Поезд опоздал, ЁЖ ёж",
    "हिन्दी में लिखा हुआ தமிழ்",
    "👍 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 1️⃣ 🙂🙂🙂",
    "def add(first, second):\n    return first + second  # a sum\n\n\n\tif x == 1 && y != 2 || !z { a[i]++; }",
    "https://example.org/path/page.html?query=value&other=1#part someone@example.org",
    "{\"key\": [1, 2.5, -3e10, null, true], \"other\": \"\\u00e9\"}",
    "1234567890 1,234.56 ½ ² Ⅷ ٣ 零 1st 2nd 0x1F",
    "a  b   c    d     e      ",
    "   leading and trailing   ",
    "line one\nline two\r\nline three\n\n\nline four\n",
    "no\u00a0break\u2003em\u3000wide\u202fnarrow\u1680ogham",
    "[CLS] in a text [SEP] and [MASK] and [PAD] and [UNK], <s> or </s>, <pad>, <mask>, <unk>, <|endoftext|>",
    "[cls] [SEP][SEP]x[SEP] <S> <s>x</s> a <mask>  b [MA SK]",
    "$€£¥ + < = > ^ ` | ~ ¬ ¦ § © ® ° ± × ÷ ‰ ™ → ∑ √ ≈ ≠",
    "“quotes” ‘single’ «guillemets» – — … • ¿¡ 、。「」",
    "a" * 99 + " " + "b" * 100 + " " + "c" * 101 + " " + "é" * 101,
    "x" * 700,
    "word " * 150,
    "!?" * 70,
    "\u0301" * 40 + "a",
    "Mixed العربية and עברית and 日本語 in one line, 100%",
    "\U0001f1e6\U0010ffff\ue000\U000e0001\u0378 unassigned, private and tags",
    "▁already▁marked ▁ ▁▁ text",
    "İ I\u0307 ǰ ΐ ﬃ ſ K Å",
    "don't can't WON'T you're 'tis 'Twas ''' 's 't ’s",
    "tab\tseparated\tvalues\t\t\tend\t",
    "<0x41> <0x0A> \\n ## ##ing #hash",
]

PAIRS = [(5, 8), (0, 5), (5, 0), (0, 0), (24, 25), (8, 38), (38, 8), (38, 39), (32, 33), (16, 17), (40, 5)]
BATCHES = [[5, 8, 0, 23], [38, 5], [0], [12, 14, 16, 19]]
LENGTHS = [4, 5, 7, 16, 33, 128]


def bert() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=900, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(128)
    tokenizer.enable_padding(length=128, pad_id=0, pad_token="[PAD]")
    return tokenizer


def bert_cased() -> Tokenizer:
    """Accents and case stay; the processor is the older one."""
    tokenizer = bert()
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.WordPieceTrainer(
            vocab_size=700, special_tokens=["[UNK]", "[SEP]", "[CLS]", "[PAD]", "[MASK]"], show_progress=False
        ),
    )
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 1), ("[CLS]", 2))
    tokenizer.no_padding()
    return tokenizer


def roberta() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True)]
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=900,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def llama3() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=800,
            special_tokens=["<|begin_of_text|>", "<|endoftext|>", "<pad>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                special_tokens=[("<|begin_of_text|>", 0)],
            ),
        ]
    )
    tokenizer.enable_padding(direction="left", pad_id=2, pad_token="<pad>")
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.UnigramTrainer(
            vocab_size=700, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], unk_token="<unk>", show_progress=False
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def llama() -> Tokenizer:
    """Bytes where the vocabulary has no letter, and no pre-tokenizer."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=950, special_tokens=special, limit_alphabet=120, show_progress=False)
    )
    state = json.loads(tokenizer.to_str())
    # Bytes are tokens of the model, and not to be found in texts.
    state["added_tokens"] = state["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    tokenizer.enable_padding(direction="left", pad_id=0, pad_token="<unk>")
    return tokenizer


def word_level() -> Tokenizer:
    """No processor: nothing is added. The beginning is cut off."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(
        CORPUS, trainers.WordLevelTrainer(vocab_size=600, special_tokens=["[UNK]", "[PAD]"], show_progress=False)
    )
    tokenizer.enable_truncation(20, strategy="longest_first", direction="left")
    return tokenizer


FAMILIES = [bert, bert_cased, roberta, llama3, unigram, llama, word_level]


def record(tokenizer: Tokenizer) -> dict:
    padding = tokenizer.padding or {}
    pad = {key: padding[key] for key in ("pad_id", "pad_type_id", "pad_token") if key in padding}
    for token in ("[PAD]", "<pad>"):
        if not pad and tokenizer.token_to_id(token) is not None:
            pad = {"pad_id": tokenizer.token_to_id(token), "pad_token": token}
    tokenizer.no_padding()
    tokenizer.no_truncation()
    known = {"single": [tokenizer.encode(text).ids for text in TEXTS], "pairs": [], "batches": [], "cut": []}
    for first, second in PAIRS:
        known["pairs"].append([first, second, *both(tokenizer.encode(TEXTS[first], TEXTS[second]))])
    for batch in BATCHES:
        for side in ("left", "right"):
            tokenizer.enable_padding(direction=side, **pad)
            rows = tokenizer.encode_batch([TEXTS[place] for place in batch])
            known["batches"].append([batch, side, [row.ids for row in rows], [row.attention_mask for row in rows]])
    tokenizer.no_padding()
    for length in LENGTHS:
        for side in ("left", "right"):
            tokenizer.enable_truncation(length, direction=side)
            for place in (5, 8, 23, 24, 32, 33, 37, 38, 39):
                known["cut"].append([length, side, place, None, tokenizer.encode(TEXTS[place]).ids])
            for first, second in PAIRS:
                ids = tokenizer.encode(TEXTS[first], TEXTS[second]).ids
                known["cut"].append([length, side, first, second, ids])
    return known


def both(row) -> tuple:
    return row.ids, row.type_ids


def main() -> None:
    if sys.argv[1:2] == ["tokens"]:
        print(json.dumps({"texts": TEXTS, "families": {"other": record(Tokenizer.from_file(sys.argv[2]))}}))
        return
    families = {}
    for family in FAMILIES:
        name = family.__name__.replace("_", "-")
        tokenizer = family()
        file = HERE / f"{name}.json"
        file.write_text(tokenizer.to_str() + "\n")
        families[name] = record(Tokenizer.from_file(str(file)))
    known = {"texts": TEXTS, "families": families}
    (HERE / "tokens.json").write_text(json.dumps(known, separators=(",", ":")).replace(']],"', ']],\n"') + "\n")


if __name__ == "__main__":
    main()
