import numpy as np
import pytest

from corten.data import Dataset, read_csv

TEXT = 'age,city,paid,n\n31,"Rome, Italy",1.5,1\n40,Bonn,,2\n\n18,Bonn,2e3,3\n'


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(TEXT)
    return file


def test_columns_have_the_dtype_of_their_values(path):
    table = read_csv(path)
    assert list(table) == ["age", "city", "paid", "n"]
    assert table["age"].dtype == np.int64
    assert table["age"].tolist() == [31, 40, 18]
    assert table["city"].tolist() == ["Rome, Italy", "Bonn", "Bonn"]
    assert table["paid"].dtype == np.float32
    np.testing.assert_array_equal(table["paid"], np.array([1.5, np.nan, 2000], np.float32))


def test_columns_are_chosen_and_the_label_is_apart(path):
    features, label = read_csv(path, columns=["n", "age"], label="paid", dtypes={"n": "float32"})
    assert list(features) == ["n", "age"]
    assert features["n"].dtype == np.float32
    assert label.shape == (3,)
    batches = list(Dataset.from_tensor_slices((features, label)).batch(2))
    assert batches[0][0]["age"].tolist() == [31, 40]


def test_delimiter_missing_value_and_encoding(tmp_path):
    file = tmp_path / "x.csv"
    file.write_bytes("größe;x\n1;NA\n2;3\n".encode("latin-1"))
    table = read_csv(file, delimiter=";", na_value="NA", encoding="latin-1")
    assert table["größe"].tolist() == [1, 2]
    assert np.isnan(table["x"][0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": ["aeg"]}, r"people.csv has no column 'aeg'; it has \['age'.*Did you mean 'age'"),
        ({"label": "salary"}, "no column 'salary'"),
        ({"dtypes": {"cty": str}}, "no column 'cty'.*'city'"),
        ({"dtypes": {"city": "float32"}}, r"line 2, column 'city': 'Rome, Italy' is no float32 number"),
        ({"dtypes": {"paid": "int64"}}, r"line 2, column 'paid': '1.5' is no int64 number"),
    ],
)
def test_what_is_wrong_is_named(path, settings, message):
    with pytest.raises(ValueError, match=message):
        read_csv(path, **settings)


def test_damaged_files_are_refused(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("a,b\n1,2\n3\n")
    with pytest.raises(ValueError, match=r"x.csv, line 3: it has 1 values, and there are 2 columns \(a, b\)"):
        read_csv(file)
    file.write_text("a,a\n1,2\n")
    with pytest.raises(ValueError, match="more than one column 'a'"):
        read_csv(file)
    file.write_text("")
    with pytest.raises(ValueError, match="is empty"):
        read_csv(file)
