public import Artifacts

extension StageSettings {
    /// What a pipeline file may say, read off the defaults, in the order of the struct.
    public static var specs: [SettingSpec] {
        Mirror(reflecting: Self()).children.map { child in
            guard let label = child.label, let setting = child.value as? any AnySetting else {
                preconditionFailure("\(Self.self).\(child.label ?? "?") is not a @Setting property")
            }
            let spec = SettingSpec(
                name: settingName(ofProperty: label), shape: setting.shape, defaultValue: setting.settingValue,
                range: setting.range, help: setting.help)
            do throws(SettingMismatch) {
                _ = try spec.normalised(spec.defaultValue)
            } catch {
                preconditionFailure("the default of \(Self.self).\(spec.name) is not allowed: \(error)")
            }
            return spec
        }
    }

    /// The values of all settings by their names in pipeline files.
    public var values: [String: Value] {
        var values: [String: Value] = [:]
        for child in Mirror(reflecting: self).children {
            guard let label = child.label, let setting = child.value as? any AnySetting else { continue }
            values[settingName(ofProperty: label)] = setting.settingValue
        }
        return values
    }

    /// Settings from complete, normalised values (`StageDescriptor.complete`).
    ///
    /// - Throws: `DecodingError` when a value is missing or not of the declared type.
    public init(complete values: [String: Value]) throws {
        self = try Self(from: ValueDecoder(.map(values)))
    }
}

/// The name in pipeline files of a property: `learningRate` and `_learningRate` give `learning-rate`.
func settingName(ofProperty property: String) -> String {
    let letters = Array(property.drop { $0 == "_" })
    var name = ""
    for (index, letter) in letters.enumerated() {
        if letter.isUppercase, index > 0 {
            let endsAcronym = index + 1 < letters.count && letters[index + 1].isLowercase
            if !letters[index - 1].isUppercase || endsAcronym { name += "-" }
        }
        name += letter.lowercased()
    }
    return name
}
