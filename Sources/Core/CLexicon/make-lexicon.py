#!/usr/bin/env python3
"""Cuts WordNet 3.0 to what finding a motion's verb needs; run by hand, when the rules ask for other facts.

    make-lexicon.py FOLDER > lexicon.txt

FOLDER holds WordNet's files, /usr/share/wordnet once Debian's wordnet-base is installed. A line of the result is a word,
the facts about it, and of an irregular form its lemma; sorted by bytes, so that a search by halves finds a word:

    v  a verb                                     i  ... whose first sense takes no object
    n  spelled so, a noun more often than a verb  a  an adjective more often than a noun or a verb
    b  a being: a person or an animal             c  a compound with a word in -ing
    p  an irregular past                          q  an irregular participle
"""
import re
import sys
from collections import defaultdict

FOLDER = sys.argv[1]
# Frames of a verb (the man page wninput(5WN)) that have an object.
WITH_OBJECT = {8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 24, 25, 30, 31, 33}
# Files of nouns (lexnames(5WN)): deeds and events; what can be seen standing about.
DEEDS = {4, 11}
ANIMAL, PERSON = 5, 18
THINGS = {ANIMAL, 6, 8, 13, 14, 15, 17, PERSON, 20, 21, 27, 28}
# Adjectives that the rules know by their ending.
ENDINGS = ("ful", "ous", "istic", "less", "able", "ible")
# "Moving in" is a compound too, and says nothing against a verb.
PARTICLES = set("about across away back by down for from in into of off on out over round through to together up".split())
WORD = re.compile("[a-z]+(-[a-z]+)*$")


def rows(name):
    with open(f"{FOLDER}/{name}") as file:
        return [line for line in file if not line.startswith(" ")]


def index(part):
    """Lemma to the places of its senses, most frequent first."""
    table = {}
    for line in rows(f"index.{part}"):
        fields = line.split()
        table[fields[0]] = fields[-int(fields[2]):]
    return table


def counts():
    """How often a lemma was seen as noun, verb, adjective, in the texts that were tagged by hand."""
    table = defaultdict(lambda: {"n": 0, "v": 0, "a": 0})
    for line in rows("cntlist.rev"):
        key, _, count = line.split()
        lemma, rest = key.split("%")
        part = {"1": "n", "2": "v", "3": "a", "5": "a"}.get(rest[0])
        if part:
            table[lemma][part] += int(count)
    return table


def takes_no_object(lemma, sense):
    words = [word.lower() for word in sense[4:4 + 2 * int(sense[3], 16):2]]
    pointers = 5 + 2 * len(words)
    rest = sense[pointers + 4 * int(sense[pointers - 1]):]
    frames = [(int(rest[i + 1]), int(rest[i + 2], 16)) for i in range(1, len(rest), 3)]
    mine = {frame for frame, word in frames if word in (0, words.index(lemma) + 1)}
    return not mine & WITH_OBJECT


def stems(word):
    """What an ending can have been added to. The same rules as Sources/Core/Verbs/Lexicon.swift."""
    found = []
    for ending in ("ing", "ed"):
        if word.endswith(ending):
            stem = word[:-len(ending)]
            found += [stem, stem + "e"]
            if len(stem) > 2 and stem[-1] == stem[-2]:
                found.append(stem[:-1])
    if word.endswith("ied") or word.endswith("ies"):
        found.append(word[:-3] + "y")
    if word.endswith("ying"):
        found.append(word[:-4] + "ie")
    if word.endswith("es"):
        found.append(word[:-2])
    if word.endswith("s"):
        found.append(word[:-1])
    return found


nouns, verbs, adjectives, seen = index("noun"), index("verb"), index("adj"), counts()
written = {word for line in rows("data.noun") for word in line.split("|")[0].split()[4::2]}
noun_files = {line.split()[0]: int(line.split()[1]) for line in rows("data.noun")}
verb_senses = {line.split()[0]: line.split("|")[0].split() for line in rows("data.verb")}
facts, lemmas = defaultdict(set), {}

for lemma, senses in verbs.items():
    if WORD.match(lemma):
        facts[lemma].add("v")
        if takes_no_object(lemma, verb_senses[senses[0]]):
            facts[lemma].add("i")
        # A turtle, never seen as either, is a turtle; a somersault is turned.
        thing = lemma in nouns and noun_files[nouns[lemma][0]] in THINGS
        if lemma in nouns and seen[lemma]["n"] + (thing and not seen[lemma]["v"]) > seen[lemma]["v"]:
            facts[lemma].add("n")

irregular = defaultdict(set)
for line in rows("verb.exc"):
    form, lemma = line.split()[:2]
    if lemma in verbs and WORD.match(form) and not form.endswith(("ing", "s")) and lemma not in stems(form) + [form]:
        irregular[lemma].add(form)
for lemma, forms in irregular.items():
    for form in forms:
        past = re.sub("u(?=[^aeiou]+$)", "a", form)
        participle = len(forms) > 1 and (form.endswith(("n", "ne")) or past != form and past in forms)
        facts[form].add("q" if participle else "p")
        lemmas[form] = lemma
        # A shot, and the left side, are no deeds.
        if max(seen[form]["n"], seen[form]["a"]) > 3:
            facts[form].add("n")

# Leaves are those of a leaf more often than what leaves.
for line in rows("noun.exc"):
    form, noun = line.split()[:2]
    verb = [stem for stem in stems(form) if stem in verbs]
    if verb and WORD.match(form) and 3 * seen[noun]["n"] > seen[verb[0]]["v"] / 10:
        facts[form].add("n")

for lemma, senses in nouns.items():
    first = noun_files[senses[0]]
    if lemma.endswith("ing") and WORD.match(lemma) and first in THINGS and "v" not in facts[lemma]:
        # A building is a thing; landing is something that ships do, and a landing too.
        if 3 * seen[lemma]["n"] >= max([seen[stem]["v"] for stem in stems(lemma)]):
            facts[lemma].add("n")
    # Pants and scissors: what looks like a third person, and is not.
    if lemma.endswith("s") and not lemma.endswith(("ss", "us", "is")) and WORD.match(lemma) and lemma in written:
        verb = [stem for stem in stems(lemma) if stem in verbs]
        if 3 * seen[lemma]["n"] >= seen[verb[0]]["v"] if verb else seen[lemma]["n"] > 0:
            facts[lemma].add("n")
    # Names are written with a capital: families of animals, saints.
    if lemma not in written:
        continue
    if first in (ANIMAL, PERSON) and WORD.match(lemma) and seen[lemma]["a"] <= seen[lemma]["n"]:
        if seen[lemma]["n"] > 0 or len(lemma) <= (7 if first == ANIMAL else 0):
            facts[lemma].add("b")
    words = lemma.split("_")
    if len(words) == 2 and all(WORD.match(word) for word in words):
        doing = [stem for stem in stems(words[0]) if stem in verbs] and words[0].endswith("ing")
        # An oil painting is a thing, ice skating a deed.
        thing = words[1].endswith("ing") and first not in DEEDS
        if (doing or thing) and words[1] not in PARTICLES:
            facts[" ".join(words)].add("c")

for lemma in adjectives:
    mine = seen[lemma]
    alone = lemma not in nouns and lemma not in verbs
    if WORD.match(lemma) and (alone or mine["a"] > max(mine["n"], mine["v"])):
        known = alone and lemma.endswith(ENDINGS)
        if lemma.endswith("ing"):
            known = 2 * mine["a"] < max([seen[stem]["v"] for stem in stems(lemma)] + [1])
        if not known and (mine["a"] > 0 or len(lemma) <= 7):
            facts[lemma].add("a")

for word in sorted((word for word in facts if facts[word]), key=lambda word: word.encode()):
    letters = "".join(letter for letter in "vinabcpq" if letter in facts[word])
    print("\t".join([word, letters] + ([lemmas[word]] if word in lemmas else [])))
