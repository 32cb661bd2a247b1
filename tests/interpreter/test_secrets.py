"""Secrets: where they come from, and that they leave no trace in texts."""

import pytest

from saga.interpreter.actions.secrets import SecretMissing, Secrets, Settings, scrubbed


def test_the_three_places_in_their_order(tmp_path):
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "TOKEN").write_text("from the folder\n")
    (tmp_path / "file").write_text("from the file\r\n")
    environ = {"SAGA_SECRETS_DIR": str(mounted)}
    secrets = Secrets(environ)
    assert secrets.get("TOKEN") == "from the folder"
    environ["TOKEN_FILE"] = str(tmp_path / "file")
    assert secrets.get("TOKEN") == "from the file"
    environ["TOKEN"] = "from the environment"
    assert secrets.get("TOKEN") == "from the environment"


def test_a_value_is_read_anew_at_each_call(tmp_path):
    file = tmp_path / "token"
    secrets = Secrets({"TOKEN_FILE": str(file)})
    file.write_text("first one")
    assert secrets.get("TOKEN") == "first one"
    file.write_text("second one")
    assert secrets.get("TOKEN") == "second one"
    assert secrets.scrub("first one, second one") == "***TOKEN***, ***TOKEN***"


def test_long_secrets_are_taken_out_of_values_and_short_ones_stay():
    secrets = Secrets({"TOKEN": "a-long-secret-value", "PIN": "12"})
    value = {"echo": ["Bearer a-long-secret-value", 12, "12 o'clock"], "n": 1.5, "none": None}
    assert secrets.without(value) is value
    secrets.get("TOKEN")
    secrets.get("PIN")
    assert secrets.without(value) == {"echo": ["Bearer ***TOKEN***", 12, "12 o'clock"], "n": 1.5, "none": None}
    assert secrets.without({"a-long-secret-value": 1}) == {"***TOKEN***": 1}


def test_no_text_for_people_holds_what_the_process_has_read():
    secrets = Secrets({"TOKEN": "a-secret-for-this-test"})
    secrets.get("TOKEN")
    token = "saga_0123456789_" + "a" * 40
    assert scrubbed(f"a-secret-for-this-test and {token}") == "***TOKEN*** and saga_0123456789_***"


def test_a_missing_secret_names_all_places():
    with pytest.raises(SecretMissing) as caught:
        Secrets({"TOKEN": "", "TOKEN_FILE": "/nowhere/token"}).get("TOKEN")
    assert caught.value.name == "TOKEN"
    assert str(caught.value) == (
        "TOKEN has no value here; for every worker set the environment variable TOKEN, or TOKEN_FILE to the path of a "
        "file that holds it, or put a file TOKEN into the folder that SAGA_SECRETS_DIR names"
    )


def test_asking_whether_there_is_a_value_gives_none_away():
    secrets = Secrets({"URL": "https://shipping.internal"})
    assert (secrets.has("URL"), secrets.has("TOKEN"), secrets.has("../x")) == (True, False, False)
    assert secrets.scrub("https://shipping.internal") == "https://shipping.internal"


@pytest.mark.parametrize("name", ["../passwd", "/etc/passwd", "A/B", "", "A B", "..", "A\0"])
def test_a_name_is_never_a_path(tmp_path, name):
    (tmp_path.parent / "passwd").write_text("x")
    with pytest.raises(SecretMissing, match="cannot be the name of a secret"):
        Secrets({"SAGA_SECRETS_DIR": str(tmp_path)}).get(name)


def test_a_file_that_cannot_be_used_says_why(tmp_path):
    (tmp_path / "TOKEN").write_bytes(b"\xff\xfe")
    (tmp_path / "KEY").mkdir()
    secrets = Secrets({"SAGA_SECRETS_DIR": str(tmp_path)})
    with pytest.raises(SecretMissing, match=r"TOKEN: the file .*/TOKEN is not UTF-8 text; store text, or base64"):
        secrets.get("TOKEN")
    with pytest.raises(SecretMissing, match=r"KEY: cannot read .*/KEY: Is a directory"):
        secrets.get("KEY")


def test_scrubbing_knows_the_encoded_forms_and_the_longest_first():
    secrets = Secrets({"SHORT": "pass", "LONG": 'pass&word"/1'})
    assert secrets.scrub("pass") == "pass"
    secrets.get("SHORT")
    secrets.get("LONG")
    text = 'a pass&word"/1 b pass%26word%22%2F1 c pass%26word%22/1 d pass&word\\"/1 e pass'
    assert secrets.scrub(text) == "a ***LONG*** b ***LONG*** c ***LONG*** d ***LONG*** e ***SHORT***"


def test_a_setting_is_a_secret_unless_it_is_a_plain_address():
    addresses = {"URL": "https://shipping.internal:8443/v1", "PORT_URL": "http://shipping.internal"}
    hidden = {
        "HOOK": "https://hooks.example.com/services/T0000/B0000/XXXXXXXXXXXX",
        "USER": "https://user:word@shipping.internal",
        "QUERY": "https://shipping.internal/?token=abc",
        "KEY": "k-123456",
        "BROKEN": "http://[::1",
    }
    secrets = Secrets(addresses | hidden)
    settings = Settings(secrets)
    for name, value in (addresses | hidden).items():
        assert name in settings
        assert settings[name] == value
    for value in addresses.values():
        assert secrets.scrub(value) == value
    for name, value in hidden.items():
        assert secrets.scrub(value) == f"***{name}***"
    with pytest.raises(SecretMissing, match="NOWHERE has no value here"):
        settings["NOWHERE"]
