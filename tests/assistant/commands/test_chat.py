"""`citewell demo` and `citewell chat` as processes: the first command a newcomer or a CI job runs."""

from __future__ import annotations

from tests.assistant.commands.conftest import MODULE, Home


def test_the_demo_answers_three_questions_in_a_pipe_and_again(home: Home) -> None:
    """Nothing to download, nothing to start: three cited answers, said to be a sample, status 0; twice the same."""
    first = home.run("demo")
    assert (first.returncode, first.stderr) == (0, "")
    assert "Not medical advice." in first.stdout
    assert first.stdout.count("Question: ") == 3
    assert first.stdout.count("\nSources\n[1] ") == 3
    assert first.stdout.count("    https://") >= 3
    assert "does not answer" not in first.stdout
    assert home.run("demo", command=MODULE).stdout == first.stdout


def test_the_demo_and_the_users_own_index_settings_and_servers_leave_each_other_alone(sample: Home) -> None:
    """A configured model is not called for the sample, no setting breaks it, and the default index is not touched."""
    ran = sample.run("demo", CITEWELL_GENERATION__URL="http://127.0.0.1:9/v1", CITEWELL_EMBEDDING__PROVIDER="openai")
    assert ran.returncode == 0
    own = ("chunking.size=64", "chunking.overlap=8", "lexical.k=2", "retrieval.limit=1", "embedding.domain=patient")
    assert sample.run("demo", *(word for text in own for word in ("--set", text))).stdout == ran.stdout
    assert '"documents": 4' in sample.run("index", "info", "default", "--json").stdout


def test_a_session_id_that_is_none_is_wrong_usage(sample: Home) -> None:
    """Status 2 and where all of them are listed, before the chat takes the screen."""
    with sample.terminal("chat", "--session", "bogus") as terminal:
        assert terminal.end() == 2
        assert "there is no session “bogus”" in terminal.shown
