"""Whole patient messages made of MedQuAD's template questions: the question in everyday words, lost among other talk.

The judgments stay those of the template question. Two sets of talk share no sentence: `TUNED` is what weights were
chosen on, `CHECKED` is what they were then checked on.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Talk:
    """What surrounds a question: sentences that say nothing of what is asked, and ways of asking by MedQuAD's `qtype`."""

    openings: tuple[str, ...]
    stories: tuple[str, ...]
    closings: tuple[str, ...]
    ways: Mapping[str, str]
    other: str = "I would like to know about the {qtype} of {focus}."


TUNED = Talk(
    openings=(
        "Hello, I hope somebody there can help me, I have been looking through websites all night and found nothing.",
        "Dear doctors, first of all thank you for this wonderful service, I did not know whom else I could write to.",
        "Hi, I am a 47 year old mother of three from Ohio and I work in a school kitchen.",
        "Good morning. My husband and I just came back from our family doctor and we left the office rather confused.",
        "Sorry for my bad English, I write from a small town where there is no specialist nearby.",
        "To whom it may concern: I am writing on behalf of my father in law, who does not use a computer.",
    ),
    stories=(
        "My doctor told me last week that it could be {focus}, but she was in a hurry and did not explain anything.",
        "My aunt had {focus} many years ago and died before I was old enough to ask her, she lived on a farm with horses.",
        "They say that my son, who is nine and loves soccer, has {focus}, and his teacher noticed it first.",
        "At the hospital somebody wrote {focus} on my papers, and the insurance company now wants another letter from me.",
        "I read in a newspaper that a famous singer has {focus} and it made me think of my own problems at work.",
        "My sister was told on the phone that the test came back for {focus}, right before her wedding in June.",
    ),
    closings=(
        "I feel tired and worried all the time and cannot sleep. Please answer soon. God bless you, Maria",
        "I do not have much money, so please do not send me to an expensive clinic. Many thanks in advance for your time.",
        "I already called my pharmacy and they could not tell me. My next appointment is only in two months. Regards, John",
        "I would be so grateful for any information, a book, a link or a phone number. Have a great day!",
        "Nobody in our family went through this before and the children keep asking me. Thanks again for everything you do.",
        "I am not able to travel because of my car and my bad knee, so the internet is all that I have. Thank you very much.",
    ),
    ways={
        "information": "Can you please explain to me what {focus} is?",
        "symptoms": "How would I know that somebody has {focus}, what does one notice?",
        "treatment": "What can be done against {focus}, is there any medicine or treatment that helps?",
        "causes": "Where does {focus} come from, what causes it?",
        "inheritance": "Will my children get {focus} too, does it run in families, is it inherited?",
        "frequency": "How common is {focus}, how many people have it?",
        "genetic changes": "Which gene is it that goes wrong in {focus}?",
        "exams and tests": "How do they find out that it is {focus}, which tests are done to diagnose it?",
        "research": "Are there any clinical trials or new research for {focus}?",
        "outlook": "What will happen to a person with {focus}, what is the outlook?",
        "prevention": "Can one do anything to prevent {focus}?",
        "susceptibility": "Who gets {focus}, am I at risk?",
    },
)
CHECKED = Talk(
    openings=(
        "SUBJECT: urgent question. I am 62, retired from the railway, and new to this forum, so excuse me if this is the wrong place.",
        "Greetings from Kenya! Our church group prays for a little girl in the village and I promised to find out more.",
        "I recently moved with my two dogs and my boyfriend to Texas, and since the move nothing is as it was.",
        "Hey guys, long story short, I spent the whole weekend in the emergency room and nobody would give me a straight answer.",
        "I'm a college student writing you because my roommate is too shy to ask this herself.",
        "Please help!! I have been crying since yesterday afternoon and my wife says that I should write to you.",
    ),
    stories=(
        "The specialist mentioned {focus}, handed me a leaflet in Spanish and went on to the next patient.",
        "A cousin on my mother's side was in a wheelchair with {focus}, and my brother, a truck driver, fears the same.",
        "After the blood work the nurse said {focus} as if everyone knew what that was, and the lawyer wants it in writing.",
        "We lost our first baby, and only afterwards {focus} was mentioned in the report; we paid a lot for that report.",
        "My neighbor, who used to be a dentist, looked at my hands over coffee and said that it must be {focus}.",
        "For the last ten years everyone believed that I was only stressed from the divorce, until {focus} came up on Monday.",
    ),
    closings=(
        "I weigh 180 pounds, take a vitamin every morning and quit smoking in 2009. Looking forward to hearing from you.",
        "If you could mail me brochures for the library where I volunteer, that would be awesome. Sincerely, Mrs. Patel",
        "My boss will not give me more days off, and I am at my wits' end. Any advice is appreciated!",
        "Sent from my phone. Please reply by email since my hearing is poor. Thank you kindly.",
        "I am scared to ask my own doctor again because he laughed at me. Is there any hope? God bless.",
        "I live alone, my daughter visits on Sundays and she will print out whatever you send. Much obliged.",
    ),
    ways={
        "information": "I just want to learn more about {focus}.",
        "symptoms": "What are the signs of {focus} that I should watch for?",
        "treatment": "Is there a cure for {focus}, how is it treated these days?",
        "causes": "Why do people get {focus}, what is the reason for it?",
        "inheritance": "Is {focus} genetic and could I have passed it on to my kids?",
        "frequency": "Is {focus} rare, how often does it occur?",
        "genetic changes": "Which mutation is responsible for {focus}?",
        "exams and tests": "What kind of exam tells whether it is {focus}?",
        "research": "Is anyone doing studies about {focus} that one could join?",
        "outlook": "How long can someone live with {focus}?",
        "prevention": "How do I avoid getting {focus}?",
        "susceptibility": "Which people are most likely to get {focus}?",
    },
)


def message(question: Mapping[str, str], talk: Talk) -> str:
    """One of MedQuAD's questions (`id`, `focus`, `qtype`) as a message of about 80 words; always the same one."""
    choose = random.Random(zlib.crc32(question["id"].encode()))  # noqa: S311 — the same message every time
    asked = talk.ways.get(question["qtype"], talk.other)
    farewell, other = choose.sample(talk.closings, 2)
    story = choose.choice(talk.stories) if choose.random() < 0.5 else other  # else it is named but once
    return " ".join([choose.choice(talk.openings), story, asked, farewell]).format(
        focus=question["focus"], qtype=question["qtype"]
    )
