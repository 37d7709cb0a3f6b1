"""All pictures. Only this folder imports matplotlib."""

from tlkit.plots.figure import Figure as Figure
from tlkit.plots.files import check_replaceable as check_replaceable
from tlkit.plots.files import save as save
from tlkit.plots.files import save_animation as save_animation
from tlkit.plots.files import save_beside as save_beside
from tlkit.plots.files import save_image as save_image
from tlkit.plots.heat import draw_cascade as draw_cascade
from tlkit.plots.heat import draw_explained as draw_explained
from tlkit.plots.heat import draw_heat_rows as draw_heat_rows
from tlkit.plots.heat import overlay as overlay
from tlkit.plots.images import (
    draw_augmentation_sheet as draw_augmentation_sheet,
)
from tlkit.plots.images import draw_contact_sheet as draw_contact_sheet
from tlkit.plots.images import draw_predictions as draw_predictions
from tlkit.plots.images import show_image as show_image
from tlkit.plots.layers import draw_activations as draw_activations
from tlkit.plots.layers import draw_filters as draw_filters
from tlkit.plots.networks import draw_boxes as draw_boxes
from tlkit.plots.networks import draw_functions as draw_functions
from tlkit.plots.networks import draw_rectangle as draw_rectangle
from tlkit.plots.studies import draw_readings as draw_readings
from tlkit.plots.studies import draw_trainings as draw_trainings
from tlkit.plots.trainings import draw_confusion as draw_confusion
from tlkit.plots.trainings import draw_curve as draw_curve
from tlkit.plots.trainings import draw_curves as draw_curves
from tlkit.plots.trainings import draw_overview as draw_overview
from tlkit.plots.trainings import overfitting_epoch as overfitting_epoch
from tlkit.plots.trainings import smooth as smooth
