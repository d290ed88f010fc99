public import ArgumentParser
public import HPABackbones
public import HPADatasets
public import HPAImages
public import HPAStacker

// What other rooms name by text can be written as an option's value.
extension Folds.Scheme: ExpressibleByArgument {}
extension ImageImport.ErrorRule: ExpressibleByArgument {}
extension ImageLayout: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension Resize.Method: ExpressibleByArgument {}
extension SampleRange: ExpressibleByArgument {}
extension StemRule: ExpressibleByArgument {}
extension StackerConfiguration.Loss: ExpressibleByArgument {}
extension TrainingConfiguration.Loss: ExpressibleByArgument {}
extension TrainingConfiguration.OptimiserName: ExpressibleByArgument {}
extension BatchLoader.Unreadable: ExpressibleByArgument {}
