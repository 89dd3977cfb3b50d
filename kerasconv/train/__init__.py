"""Training of the zoo's classifiers, and what comes after it: measuring them, and asking them."""

from kerasconv.train.data import Data as Data
from kerasconv.train.data import Inputs as Inputs
from kerasconv.train.data import inputs_of as inputs_of
from kerasconv.train.data import load as load
from kerasconv.train.data import read_image as read_image
from kerasconv.train.fit import Plan as Plan
from kerasconv.train.fit import Result as Result
from kerasconv.train.fit import train as train
from kerasconv.train.report import Report as Report
from kerasconv.train.report import measure as measure
from kerasconv.train.trained import Trained as Trained
from kerasconv.train.trained import open_trained as open_trained
