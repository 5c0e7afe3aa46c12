"""Refusals: a reply that gives no answer because it declines, cannot tell or does not know."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.grading.refusals import is_refusal

REFUSALS = [
    "I don't know",
    "I don’t know.",
    "**I do not know.**",
    '"I don\'t know."',
    "I cannot tell from this picture",
    "I can't tell",
    "I'm sorry, but I can’t help with that.",
    "Sorry, I can't help with images of people yet.",
    "I’m sorry, but I couldn’t find any information about a song of that name.",
    "I’m sorry, but your question is incomplete.",
    "I'm sorry, I can't.",
    "unable to determine",
    "Unable to determine the number from the image.",
    "Cannot be determined.",
    "It cannot be determined from the image.",
    "not enough information",
    "There is not enough information to answer this.",
    "The text does not provide enough information to answer the question.",
    "The necessary data is not provided.",
    "It is impossible to say.",
    "It is hard to tell.",
    "As an AI language model, I cannot view images.",
    "As an AI, I'm unable to see images or physical objects. Therefore, I can't provide the sum.",
    "Unfortunately, I am not able to read the sign. Please provide a larger image.",
    "I cannot see the image. Could you describe it? If you do, I'd be happy to help!",
    "I'm not sure.",
    "I have no idea",
    "No idea.",
    "N/A",
    "Unknown.",
    "The answer is unknown",
    "I must decline to answer.",
    "This question cannot be answered as it lacks context.",
    "The question is incomplete. Please send the rest.",
    "The question seems to be missing the price list.",
    "The question is not specific enough.",
    "You have not given the dimensions of the box.",
    "The problem does not specify how many pears were sold but fewer than nine were left.",
    "The width of the garden is not given.",
    "The function g is not defined.",
    "No chart was provided.",
    "As an AI, I'm unable to pick up a scale. Please supply the weight.",
    "As an AI model I need the drawing. Its area depends on the radius.",
    "To find the mean, we need more information.",
    "To find the mean, we need the marks. Please share them.",
    "We add up the marks. Since they are not shown to me, it is not possible to compute the mean.",
    "We add up the marks. However, without the table, it is impossible to find the mean.",
    "We add up the marks. Thus, the mean is unknown.",
    "A whole number cannot be provided.",
    "Sorry, I can't see the poster you are referring to.",
    "The chart has two bars and no title.\nBoth are blue. Thus, it is not possible to determine the year.",
    "I cannot determine the winner. The table lists five teams. I'm unable to answer.",
    "没有足够的信息",
    "無法確定",
    "抱歉，我无法回答这个问题。",
    "我不知道。",
    "Ich weiß es nicht.",
    "Leider kann ich die Frage nicht beantworten.",
    "Je ne sais pas.",
    "Désolé, il est impossible de répondre.",
    "No lo sé.",
    "Lo siento, no puedo responder.",
    "Non lo so.",
    "Não sei.",
    "Я не знаю.",
    "わかりません。",
    "모르겠습니다.",
]
ANSWERS = [
    "Paris",
    "No",
    "None",
    "Nothing",
    "Na",
    "not red",
    "There are no cats.",
    "It is not a dog.",
    "I can't see any bicycles, so the answer is 0.",
    "There is no sign without a number.",
    "The Unknown Soldier",
    "Can't Buy Me Love",
    "I Can't Get No Satisfaction",
    "Nichts",
    "Pas de Calais",
    "不是",
    "没有",
    "The sign says 'I don't know'",
    "The sign says “I cannot tell”.",
    "The caption reads: I don't know",
    "The song is called I Don't Know",
    "The words “I don’t know” are on the wall.",
    "'I cannot tell' is on the wall.",
    "I'm not sure, but I think it is Paris",
    "I’m not sure, but it looks like Paris.",
    "I don't know, maybe Paris",
    "I don't know, Paris?",
    "I cannot determine the answer from the image provided.\n\nAnswer: J",
    "I'm unable to view images, but the correct answer is F.",
    "It is hard to say, so \\boxed{4}",
    "I'm sorry, but I can't be certain. The image shows five apples.",
    "(C) Insufficient information\n\nTherefore, it is not possible to determine the wage.",
    "As an AI language model, I do not have access to real-time data. However, Jane Doe won the show.",
    "She won in 1990. I do not have more details about it.",
    "我不确定，但我认为是巴黎",
    "To find the mean, we need the marks: they add up to 12. The mean is 4.",
    "We need the bolt. Please describe it to the shop as an M8.",
    "We need a ladder of three metres.",
    "The author is unknown to me by face, and her name is Emma.",
    "The number of seats is not a prime.",
    "The question is about Rome.",
    "It seems to be Rome without the walls.",
    "Ich weiß es nicht, aber ich glaube, es ist Paris.",
]


@pytest.mark.parametrize("reply", REFUSALS)
def test_a_refusal_is_told(reply: str):
    assert is_refusal(reply)


@pytest.mark.parametrize("reply", ANSWERS)
def test_an_answer_is_no_refusal(reply: str):
    assert not is_refusal(reply)


@pytest.mark.parametrize("reply", ["", " ", "\x00", "\ud800 not", "'", '"not"', "not" * 20_000])
def test_any_reply_can_be_asked_about(reply: str):
    assert not is_refusal(reply)


def test_of_a_long_reply_the_beginning_and_the_end_are_read():
    middle = "The bars are blue. " * 3_000
    assert is_refusal(f"{middle} Therefore, the year cannot be determined.")
    assert not is_refusal(f"I cannot tell at once. {middle} It was 1990.")


@given(st.text(alphabet="I don't know cannot tell,.!?\"'\n不", max_size=200))
def test_any_mixture_of_refusing_words_is_read(reply: str):
    assert is_refusal(reply) in (True, False)


PIECES = [
    "a",
    " ",
    ".",
    '"',
    "'",
    " '",
    "'a ",
    " not ",
    " not info ",
    " info ",
    " i can't ",
    " but ",
    "\n",
    "不",
    "n't ",
]


@pytest.mark.parametrize("piece", PIECES)
def test_long_runs_take_no_time(piece: str):
    start = time.process_time()
    is_refusal("not " + piece * 50_000)
    assert time.process_time() - start < 0.5
