/// The properties of a plain value as texts, in their order; a nil is "none".
public func propertyTexts(of value: Any) -> [(name: String, value: String)] {
  Mirror(reflecting: value).children.map { name, value in
    let mirror = Mirror(reflecting: value)
    let wrapped = mirror.displayStyle == .optional ? mirror.children.first?.value ?? "none" : value
    return (name ?? "", "\(wrapped)")
  }
}
