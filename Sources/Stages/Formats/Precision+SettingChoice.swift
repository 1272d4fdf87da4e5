public import StageKit
public import Tensors

/// `precision` is a setting of every stage that runs networks, and by that a key of model sets.
extension Precision: SettingChoice {}
