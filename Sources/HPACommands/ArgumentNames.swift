public import ArgumentParser
public import HPABackbones
public import HPADatasets
public import HPAImages
public import HPAIndex
public import HPATorch

// What other rooms name by text can be written as an option's value.
extension Folds.Scheme: ExpressibleByArgument {}
extension ImageImport.ErrorRule: ExpressibleByArgument {}
extension ImageLayout: ExpressibleByArgument {}
extension MultilabelLoss: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension Resize.Method: ExpressibleByArgument {}
extension SampleRange: ExpressibleByArgument {}
extension StemRule: ExpressibleByArgument {}
extension TrainingConfiguration.OptimiserName: ExpressibleByArgument {}
extension SimilarityGroups.Linkage: ExpressibleByArgument {}
extension Standardisation: ExpressibleByArgument {}
extension TrainingPreset: ExpressibleByArgument {}
extension LearningRateSchedule.Form: ExpressibleByArgument {}
extension BatchLoader.Unreadable: ExpressibleByArgument {}
