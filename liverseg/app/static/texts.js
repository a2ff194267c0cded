// The texts of the viewer in the language of the page, and the windows by their names in it.
const TEXT = window.liversegTexts.viewer, PRESET_NAMES = window.liversegTexts.presets;
